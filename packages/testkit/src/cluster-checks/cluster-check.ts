// What a check of whole servers is: a named rule over what leaves a server, or can be read of it from outside, that throws
// an InvariantViolation the moment it is broken. A check never looks into a log or a disk, and must not change anything
// that it is shown: what a server believes of itself proves nothing, what it told others does.

import type { ClusterObserver } from '../cluster-sim/cluster-observer.js';

export interface ClusterCheck extends ClusterObserver {
  readonly name: string;
}

// The parts of torture, in the order in which they run: the small ones first, since what they find explains the rest.

import type { Part } from './part.js';
import { clusterPart, hostilePart, smallDisksPart } from './parts/cluster-part.js';
import { logPart, smallLogPart } from './parts/log-part.js';
import { snapshotPart } from './parts/snapshot-part.js';

export const PARTS: readonly Part[] = [
  logPart,
  smallLogPart,
  snapshotPart,
  clusterPart,
  hostilePart,
  smallDisksPart,
];

// Stands between the simulator and the observer: what an observer throws must not reach the server that happens to be
// running, where it would pass for a bug of that server. The first violation is kept, and ends the run.

import { type InvariantViolation, unexpectedError } from '../invariants/invariant.js';
import type { ClusterObserver } from './cluster-observer.js';

type Method = keyof ClusterObserver;
type Arguments<Name extends Method> = Parameters<NonNullable<ClusterObserver[Name]>>;

export class GuardedObserver {
  readonly #observer: ClusterObserver;
  #violation: InvariantViolation | undefined;

  constructor(observer: ClusterObserver) {
    this.#observer = observer;
  }

  /** The first one of the run. */
  get violation(): InvariantViolation | undefined {
    return this.#violation;
  }

  /** Nothing is told any more after a violation. */
  tell<Name extends Method>(name: Name, ...given: Arguments<Name>): void {
    if (this.#violation !== undefined) return;
    const method = this.#observer[name] as ((...given: Arguments<Name>) => void) | undefined;
    if (method === undefined) return;
    try {
      method.apply(this.#observer, given);
    } catch (thrown) {
      this.broken(unexpectedError(thrown, `in ${name}`));
    }
  }

  broken(violation: InvariantViolation): void {
    this.#violation ??= violation;
  }
}

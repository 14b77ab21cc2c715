// Several observers as one: each hears what it asks for, in the order of the list.

import type { ClusterObserver } from '../cluster-sim/cluster-observer.js';

/** Every method, so that one that is added there is not forgotten here. */
const HOOKS: { readonly [Hook in keyof Required<ClusterObserver>]: true } = {
  began: true,
  serverStarting: true,
  serverStarted: true,
  stepped: true,
  applied: true,
  restored: true,
  snapshotTaken: true,
  troubled: true,
  diskLost: true,
  serverEnded: true,
  clientBegan: true,
  clientEnded: true,
  faultInjected: true,
  faultsEnded: true,
  finished: true,
};

export function together(observers: readonly ClusterObserver[]): ClusterObserver {
  const joined: Record<string, (...told: unknown[]) => void> = {};
  for (const hook of Object.keys(HOOKS)) {
    // Every key of HOOKS is a method of an observer, or is missing; it is given what it asks for, unseen.
    const listeners = observers.flatMap((observer) => {
      const method = observer[hook as keyof ClusterObserver] as ((...told: unknown[]) => void) | undefined;
      return method === undefined ? [] : [method.bind(observer)];
    });
    if (listeners.length === 0) continue;
    // No hook has more than four; rest parameters cost more than what some listeners do.
    joined[hook] = (one, two, three, four) => {
      for (const listen of listeners) listen(one, two, three, four);
    };
  }
  return joined;
}

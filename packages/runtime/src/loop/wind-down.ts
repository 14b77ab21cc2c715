// The graceful part of a close: what is under way is finished, and a leader hands over to whoever holds most of its log,
// so that the others need not find out by a timeout that it is gone. Bounded in time; whatever it does not manage is
// answered by the stop that follows. Must never take anything back: it only waits and asks.

import type { NodeId, NodeStatus } from '@waldb/core';
import type { Clock, Timer } from '@waldb/io';
import { patiently } from '../request/patience.js';

/** How often a transfer's successor is looked for. */
const LOOK_MS = 50;

export interface WindDownOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** Ends it early. */
  readonly signal: AbortSignal;
  /** Resolves when nothing that was asked for is unanswered. */
  readonly idle: () => Promise<void>;
  readonly status: () => NodeStatus;
  /** Whether that server can be reached now. */
  readonly isConnected: (id: NodeId) => boolean;
  /** Resolves when `to` leads; rejects when it will not, or not by then. */
  readonly transfer: (to: NodeId, deadline: number) => Promise<void>;
}

/** Never rejects: what it cannot do is left to the stop. */
export async function windDown(options: WindDownOptions): Promise<void> {
  const { clock, timeoutMs, signal } = options;
  const end = clock.now() + timeoutMs;
  // Half of the time at most: leadership is still handed over where a slow state machine keeps requests waiting.
  await attempt(options.idle(), { clock, timeoutMs: timeoutMs / 2, signal });
  const tried = new Set<NodeId>();
  for (;;) {
    const leftMs = end - clock.now();
    const to = signal.aborted || leftMs <= 0 ? undefined : successor(options, tried);
    if (to === undefined) return;
    tried.add(to);
    const transfer = asLongAs(() => options.isConnected(to), options.transfer(to, end), clock);
    await attempt(transfer, { clock, timeoutMs: leftMs, signal });
  }
}

/** The voter that needs least to be up to date; undefined for a server that does not lead, or is alone. */
function successor(options: WindDownOptions, tried: ReadonlySet<NodeId>): NodeId | undefined {
  const { id: ownId, configuration, leadership } = options.status();
  if (leadership === undefined) return undefined;
  let best: { readonly id: NodeId; readonly matchIndex: number } | undefined;
  for (const [id, { matchIndex, recentlyActive }] of leadership.peers) {
    if (id === ownId || tried.has(id) || !configuration.voters.includes(id)) continue;
    if (!recentlyActive || !options.isConnected(id)) continue;
    if (best === undefined || matchIndex > best.matchIndex) best = { id, matchIndex };
  }
  return best?.id;
}

/** The work, or nothing once `holds` does not: a successor that is gone, perhaps because it closes too, is not waited for. */
function asLongAs(holds: () => boolean, work: Promise<void>, clock: Clock): Promise<void> {
  return new Promise((resolve, reject) => {
    let timer: Timer | undefined;
    const look = (): void => {
      if (holds()) timer = clock.setTimer(LOOK_MS, look);
      else resolve();
    };
    look();
    work.then(resolve, reject).finally(() => timer?.cancel());
  });
}

async function attempt(work: Promise<void>, options: Parameters<typeof patiently>[1]): Promise<void> {
  try {
    await patiently(work, options);
  } catch {
    // Nothing is lost by it: the next successor is tried, or the stop answers what waits.
  }
}

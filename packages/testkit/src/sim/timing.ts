// How simulated milliseconds, ticks and leases hang together.

import type { ProtocolOptions } from './scenario.js';
import type { SeededRandom } from './seeded-random.js';

export const TICK_MS = 10;

/** Longer than an election timeout too: then only the clocks keep a second leader away, and they must be enough. */
export function leaseOptions(
  random: SeededRandom,
  timeoutMin: number,
): Pick<ProtocolOptions, 'readPolicy' | 'leaseMs' | 'checkQuorum'> {
  const leaseMs = Math.max(1, Math.floor(timeoutMin * TICK_MS * random.real(0.3, 2.5)));
  return { readPolicy: 'lease', leaseMs, checkQuorum: true };
}

// A backup of a simulated cluster, as `waldb snapshot save` takes one: read to its end, it must be whole, and hold everything that
// its server had applied before it was asked.

import { InvariantViolation } from '../invariants/invariant.js';
import type { SeededRandom } from '../sim/seeded-random.js';
import type { Asking } from './asking.js';
import type { ClusterServer } from './cluster-server.js';
import { type ClusterWorld, runningServers } from './cluster-world.js';

/** Whether a whole one was had. */
export async function takeBackup(
  world: ClusterWorld,
  asking: Asking,
  random: SeededRandom,
): Promise<boolean> {
  const running = runningServers(world);
  if (running.length === 0) return false;
  const server = random.pick(running);
  return await asking.asks(server, read(world, server));
}

/** Rejects as the server does; a `SnapshotError` is one of the disk's, of a close, or of a damage that was met. */
async function read(world: ClusterWorld, { id, running }: ClusterServer): Promise<void> {
  const raft = running?.server;
  if (raft === undefined) return;
  await raft.read('linearizable', { timeoutMs: 3_000 });
  const applied = raft.appliedIndex;
  const stream = await raft.backup({ timeoutMs: 5_000 });
  let bytes = 0;
  for await (const piece of stream) bytes += piece.length;
  const { info } = stream;
  if (info.index >= applied && bytes === info.bytes) return;
  const what = `Server ${id} gave a backup of index ${info.index} with ${bytes} of ${info.bytes} bytes after it had applied ${applied}.`;
  world.observer.broken(new InvariantViolation('backups-are-whole', what));
}

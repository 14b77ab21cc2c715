// WAIT: how many other servers have this client's writes on their disks. Every answered write is on a majority's; WAIT is for
// those who want more.

import { parseInteger } from '../operation/integer.js';
import { ErrorReply, NOT_AN_INTEGER, type Reply } from '../resp/reply.js';
import type { LocalCommand } from './command.js';
import type { CommandContext } from './command-context.js';

export const WAIT_COMMAND: LocalCommand = {
  kind: 'local',
  name: 'wait',
  arity: 3,
  group: 'generic',
  category: 'connection',
  summary:
    "Waits until this connection's writes are on the disks of so many other servers: WAIT servers milliseconds.",
  run: wait,
};

/** Timeouts are Redis's: milliseconds as a 64-bit number, 0 for ever. Longer ones than a timer can are as good as ever. */
function wait(
  args: readonly string[],
  { client, server, isInTransaction }: CommandContext,
): Reply | Promise<Reply> {
  const [count, timeout] = args.map(parseInteger);
  if (count === undefined) return NOT_AN_INTEGER;
  if (timeout === undefined) return new ErrorReply('ERR timeout is not an integer or out of range');
  if (timeout < 0) return new ErrorReply('ERR timeout is negative');
  if (server.cluster().role !== 'leader') {
    return new ErrorReply('ERR WAIT cannot be used with replica instances.');
  }
  const wanted = Number(count);
  // Nothing waits inside of EXEC.
  if (isInTransaction) return server.acknowledgements.count();
  return server.acknowledgements.wait(client, { wanted, timeoutMs: Number(timeout) });
}

// Commands of Redis that are known and refused: a client is told what is the matter instead of that the command is unknown.

import { ErrorReply } from '../resp/reply.js';
import type { CommandGroup, LocalCommand } from './command.js';

interface Row {
  readonly name: string;
  readonly arity: number;
  readonly group: CommandGroup;
  readonly why: string;
  readonly isFast?: boolean;
  readonly risk?: 'dangerous' | 'admin';
}

function refused({ why, ...row }: Row): LocalCommand {
  const reply = new ErrorReply(`ERR ${why}`);
  return { ...row, kind: 'local', summary: `Refused: ${why}.`, run: () => reply };
}

export const REFUSED_COMMANDS: readonly LocalCommand[] = [
  refused({
    name: 'swapdb',
    arity: 3,
    group: 'generic',
    why: 'SWAPDB is not allowed in cluster mode',
    isFast: true,
    risk: 'dangerous',
  }),
  refused({
    name: 'move',
    arity: 3,
    group: 'generic',
    why: 'MOVE is not allowed in cluster mode',
    isFast: true,
  }),
  refused({
    name: 'dump',
    arity: 2,
    group: 'generic',
    why: 'DUMP is not served here: values have no serialized form of Redis. GET and PTTL read all of a key',
  }),
  refused({
    name: 'restore',
    arity: -4,
    group: 'generic',
    why: "RESTORE is not served here: Redis's serialized values cannot be read. SET with PXAT writes all of a key",
    risk: 'dangerous',
  }),
  refused({
    name: 'debug',
    arity: -2,
    group: 'server',
    why: 'DEBUG is not served here',
    risk: 'admin',
  }),
];

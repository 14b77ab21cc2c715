// Commands on keys, whatever their values are.

import { OPERATION } from '../operation/operation.js';
import type { OperationCommand } from './command.js';

const ALL_KEYS = { first: 1, last: -1, step: 1 } as const;

export const KEY_COMMANDS: readonly OperationCommand[] = [
  {
    kind: 'write',
    name: 'del',
    arity: -2,
    group: 'generic',
    summary: 'Deletes keys; returns how many there were.',
    keys: ALL_KEYS,
    prepare: (args) => ({ code: OPERATION.delete, args }),
  },
  {
    kind: 'read',
    name: 'exists',
    arity: -2,
    group: 'generic',
    summary: 'Returns how many of the keys are there.',
    keys: ALL_KEYS,
    prepare: (args) => ({ code: OPERATION.exists, args }),
  },
  {
    kind: 'read',
    name: 'dbsize',
    arity: 1,
    group: 'server',
    summary: 'Returns the number of keys.',
    keys: undefined,
    prepare: () => ({ code: OPERATION.countKeys, args: [] }),
  },
];

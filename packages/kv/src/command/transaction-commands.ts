// MULTI and what belongs to it. What they do to a connection is in server/transactions.ts.

import { ALL_KEYS, type TransactionCommand } from './command.js';

const row = (name: TransactionCommand['step'], arity: number, summary: string): TransactionCommand => ({
  kind: 'transaction',
  name,
  step: name,
  arity,
  isFast: name !== 'exec',
  group: 'transactions',
  summary,
  keys: name === 'watch' ? ALL_KEYS : undefined,
});

export const TRANSACTION_COMMANDS: readonly TransactionCommand[] = [
  row('multi', 1, 'Begins a transaction: commands wait for EXEC.'),
  row('exec', 1, 'Carries out the transaction, with nothing between its commands.'),
  row('discard', 1, 'Gives up the transaction.'),
  row('watch', -2, 'EXEC is not carried out if one of these keys changes before.'),
  row('unwatch', 1, 'Forgets the watched keys.'),
];

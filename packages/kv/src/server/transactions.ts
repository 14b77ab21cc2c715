// MULTI, EXEC, DISCARD, WATCH and UNWATCH: what they do to a connection, and how a transaction becomes one operation.
//
// A transaction is one operation of one entry: nothing comes between its commands on any replica. Whether its watches
// hold is decided where it is applied (state/watch-table.ts).

import {
  type ImmediateCommand,
  isOperationCommand,
  type OperationCommand,
  type TransactionCommand,
} from '../command/command.js';
import type { ServerView } from '../command/command-context.js';
import { operationBytes, transactionOf } from '../operation/entry-codec.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import { ErrorReply, NIL_ARRAY, OK, QUEUED, type Reply } from '../resp/reply.js';
import { watchToken } from '../state/watch-table.js';
import type { Connection } from './connection.js';
import type { LaneOperation, ReplyPlace } from './lane.js';
import { redirect } from './redirect.js';

/** A command that waits for EXEC. */
type QueuedCommand =
  | {
      readonly type: 'operation';
      readonly operation: Operation;
      readonly isWrite: boolean;
      readonly finish: ((reply: Reply) => Reply) | undefined;
    }
  /** Answered here, at EXEC. */
  | { readonly type: 'local'; readonly run: () => Reply }
  /** Known to be wrong; the other commands are carried out all the same, as in Redis. */
  | { readonly type: 'error'; readonly reply: ErrorReply };

export interface OpenTransaction {
  readonly items: QueuedCommand[];
  bytes: number;
  /** One of the commands could not be queued: EXEC will refuse. */
  isBroken: boolean;
}

export interface TransactionsOptions {
  readonly server: ServerView;
  readonly submit: (operation: LaneOperation) => void;
  readonly readState: (operation: Operation) => Reply;
  readonly runLocal: (
    command: ImmediateCommand,
    args: readonly string[],
    connection: Connection,
  ) => Reply | Promise<Reply>;
  readonly limits: { readonly transactionCommandsMax: number; readonly transactionBytesMax: number };
}

const NESTED = new ErrorReply('ERR MULTI calls can not be nested');
const NO_MULTI = {
  exec: new ErrorReply('ERR EXEC without MULTI'),
  discard: new ErrorReply('ERR DISCARD without MULTI'),
} as const;
const WATCH_INSIDE = new ErrorReply('ERR WATCH inside MULTI is not allowed');
const BROKEN = new ErrorReply('EXECABORT Transaction discarded because of previous errors.');
const REFUSED_INSIDE = new ErrorReply('ERR Command not allowed inside a transaction');
const TOO_LARGE = new ErrorReply('ERR the transaction is too large');

export class Transactions {
  readonly #options: TransactionsOptions;
  #tokens = 0;

  constructor(options: TransactionsOptions) {
    this.#options = options;
  }

  /** EXEC that is refused ends the transaction, and says why. */
  abort(connection: Connection, { text }: ErrorReply): ErrorReply {
    this.reset(connection);
    return new ErrorReply(`EXECABORT Transaction discarded because of: ${text.replace(/^ERR /, '')}`);
  }

  /** One of the five commands. */
  run(command: TransactionCommand, args: readonly string[], connection: Connection, place: ReplyPlace): void {
    switch (command.step) {
      case 'multi':
        place.reply = this.#begin(connection);
        return;
      case 'watch':
        this.#watch(args, connection, place);
        return;
      case 'unwatch':
        place.reply = OK;
        // Inside a transaction the watches have to hold until EXEC.
        if (connection.transaction === undefined) this.#forgetWatch(connection);
        else place.reply = this.#queue(connection.transaction, { type: 'local', run: () => OK }, 0);
        return;
      case 'discard':
        place.reply = connection.transaction === undefined ? NO_MULTI.discard : OK;
        if (connection.transaction !== undefined) this.reset(connection);
        return;
      case 'exec':
        this.#execute(connection, place);
        return;
    }
  }

  /** A command of an open transaction. */
  add(
    transaction: OpenTransaction,
    command: OperationCommand | ImmediateCommand,
    args: readonly string[],
    connection: Connection,
  ): Reply {
    const { server } = this.#options;
    if (!isOperationCommand(command)) return this.#addLocal(transaction, command, args, connection);
    const refusal = this.#refusal(command, args, connection);
    if (refusal !== undefined) return this.spoil(connection, refusal);
    const operation = command.prepare(args, server);
    if (operation instanceof ErrorReply)
      return this.#queue(transaction, { type: 'error', reply: operation }, 0);
    const finish = finisher(command, args, server);
    const isWrite = command.kind === 'write';
    const item: QueuedCommand = { type: 'operation', operation, isWrite, finish };
    return this.#queue(transaction, item, operationBytes(operation));
  }

  /** The command could not be taken: an open transaction will not be carried out. */
  spoil(connection: Connection, error: ErrorReply): ErrorReply {
    if (connection.transaction !== undefined) connection.transaction.isBroken = true;
    return error;
  }

  /** Gives up what was queued and watched. */
  reset(connection: Connection): void {
    connection.transaction = undefined;
    this.#forgetWatch(connection);
  }

  #begin(connection: Connection): Reply {
    if (connection.transaction !== undefined) return NESTED;
    connection.transaction = { items: [], bytes: 0, isBroken: false };
    return OK;
  }

  #addLocal(
    transaction: OpenTransaction,
    command: ImmediateCommand,
    args: readonly string[],
    connection: Connection,
  ): Reply {
    if (command.kind === 'local' && command.isRefusedInTransaction === true) {
      return this.spoil(connection, REFUSED_INSIDE);
    }
    const run = (): Reply => {
      const reply = this.#options.runLocal(command, args, connection);
      return reply instanceof Promise ? REFUSED_INSIDE : reply;
    };
    return this.#queue(transaction, { type: 'local', run }, 0);
  }

  #queue(transaction: OpenTransaction, item: QueuedCommand, bytes: number): Reply {
    const { transactionCommandsMax, transactionBytesMax } = this.#options.limits;
    const isFull = transaction.items.length >= transactionCommandsMax;
    if (isFull || transaction.bytes + bytes > transactionBytesMax) {
      transaction.isBroken = true;
      return TOO_LARGE;
    }
    transaction.items.push(item);
    transaction.bytes += bytes;
    return QUEUED;
  }

  /** Where a command belongs that this server could not carry out at EXEC either. */
  #refusal(
    command: OperationCommand,
    args: readonly string[],
    { acceptsStale }: Connection,
  ): ErrorReply | undefined {
    const cluster = this.#options.server.cluster();
    if (cluster.role === 'leader') return undefined;
    const isLocalRead = command.kind === 'read' && (acceptsStale || command.keys === undefined);
    return isLocalRead ? undefined : redirect(args[0], cluster);
  }

  #watch(keys: readonly string[], connection: Connection, place: ReplyPlace): void {
    const cluster = this.#options.server.cluster();
    if (connection.transaction !== undefined) place.reply = WATCH_INSIDE;
    else if (cluster.role !== 'leader') place.reply = redirect(keys[0], cluster);
    else {
      this.#tokens += 1;
      connection.watchToken ??= watchToken(cluster.term, `${cluster.id}.${connection.id}.${this.#tokens}`);
      const operation: Operation = { code: OPERATION.watch, args: [connection.watchToken, ...keys] };
      const { lane } = connection;
      this.#options.submit({ operation, isWrite: true, key: keys[0], lane, place, finish: undefined });
    }
  }

  #forgetWatch(connection: Connection): void {
    const token = connection.watchToken;
    connection.watchToken = undefined;
    // With another leader the watch is gone without us.
    if (token === undefined || this.#options.server.cluster().role !== 'leader') return;
    const operation: Operation = { code: OPERATION.unwatch, args: [token] };
    const { lane } = connection;
    const place: ReplyPlace = { reply: undefined };
    this.#options.submit({ operation, isWrite: true, key: undefined, lane, place, finish: undefined });
  }

  #execute(connection: Connection, place: ReplyPlace): void {
    const { transaction, watchToken: token, lane } = connection;
    if (transaction === undefined) {
      place.reply = NO_MULTI.exec;
      return;
    }
    if (transaction.isBroken) {
      this.reset(connection);
      place.reply = BROKEN;
      return;
    }
    connection.transaction = undefined;
    connection.watchToken = undefined;
    const { items } = transaction;
    const parts = items.flatMap((item) => (item.type === 'operation' ? [item] : []));
    const operations = parts.map(({ operation }) => operation);
    const finish = (replies: Reply): Reply =>
      replies === null ? NIL_ARRAY : inOrder(items, replies as readonly Reply[]);
    const cluster = this.#options.server.cluster();
    if (operations.length === 0 && token === undefined) place.reply = finish([]);
    else if (cluster.role === 'leader') {
      const operation = transactionOf(token ?? '', operations);
      const isWrite = token !== undefined || parts.some((part) => part.isWrite);
      const key = operations[0]?.args[0];
      this.#options.submit({ operation, isWrite, key, lane, place, finish });
    } else if (token === undefined && parts.every((part) => !part.isWrite) && connection.acceptsStale) {
      place.reply = finish(operations.map((operation) => this.#options.readState(operation)));
    } else place.reply = redirect(operations[0]?.args[0], cluster);
  }
}

export function finisher(
  { finish }: OperationCommand,
  args: readonly string[],
  server: ServerView,
): ((reply: Reply) => Reply) | undefined {
  return finish === undefined ? undefined : (reply) => finish(reply, args, server);
}

/** Merges what the replicas answered with what is answered here. */
function inOrder(items: readonly QueuedCommand[], replies: readonly Reply[]): Reply {
  let next = 0;
  return items.map((item) => {
    if (item.type === 'error') return item.reply;
    if (item.type === 'local') return item.run();
    const reply = replies[next++] as Reply; // one for each operation
    return item.finish === undefined || reply instanceof ErrorReply ? reply : item.finish(reply);
  });
}

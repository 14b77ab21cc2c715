// From a request to its command, and from the command to where it is carried out: here at once, in the log, in the
// local state once a read is allowed, at the leader, or in a transaction that waits for EXEC.

import {
  argumentsOf,
  type Command,
  hasArity,
  type ImmediateCommand,
  isOperationCommand,
  type OperationCommand,
  resolveSubcommand,
} from '../command/command.js';
import type { CommandContext, ServerView } from '../command/command-context.js';
import { unknownSubcommand, wrongArity } from '../command/container.js';
import type { Operation } from '../operation/operation.js';
import { ErrorReply, type Reply } from '../resp/reply.js';
import { denialOf } from './access.js';
import type { CommandStatistics } from './command-statistics.js';
import type { Connection } from './connection.js';
import type { LaneOperation } from './lane.js';
import { redirect } from './redirect.js';
import type { PendingReply } from './reply-queue.js';
import type { ServerLimits } from './server-limits.js';
import { finisher, Transactions } from './transactions.js';

export interface RouterOptions {
  readonly server: ServerView;
  readonly submit: (operation: LaneOperation) => void;
  readonly readState: (operation: Operation) => Reply;
  readonly statistics: CommandStatistics;
  readonly limits: ServerLimits;
}

/** An unknown command's error repeats what was sent, up to this many characters. */
const ECHO_CHARACTERS_MAX = 128;

const NO_USER = new ErrorReply('NOAUTH Authentication required.');
/** What a RESP2 connection may send while it listens: anything else could not be told from a message. */
const WHILE_LISTENING = new Set([
  'subscribe',
  'unsubscribe',
  'psubscribe',
  'punsubscribe',
  'ping',
  'quit',
  'reset',
]);
export class RequestRouter {
  readonly transactions: Transactions;
  readonly #options: RouterOptions;
  /** Names as most clients write them, so that few requests cost a change of case. */
  readonly #byName: ReadonlyMap<string, Command>;

  constructor(options: RouterOptions) {
    this.#options = options;
    const commands = [...options.server.commands.values()];
    this.#byName = new Map([
      ...commands.map((command) => [command.name, command] as const),
      ...commands.map((command) => [command.name.toUpperCase(), command] as const),
    ]);
    this.transactions = new Transactions({
      ...options,
      runLocal: (command, args, connection) =>
        this.#answer(command, args, { client: connection, isInTransaction: true, server: options.server }),
    });
  }

  route(connection: Connection, request: readonly string[], place: PendingReply): void {
    const name = request[0] as string; // a request has one word at least
    const found = this.#byName.get(name) ?? this.#byName.get(name.toLowerCase());
    const command = found === undefined ? undefined : resolveSubcommand(found, request);
    const refusal = this.#refusal(command, request, connection);
    if (command === undefined || refusal !== undefined) {
      if (command !== undefined) this.#options.statistics.of(command).rejected += 1;
      const unknown =
        found === undefined ? unknownCommand(request) : unknownSubcommand(found.name, request[1] ?? '');
      const reply = refusal ?? unknown;
      const isExec = command?.kind === 'transaction' && command.step === 'exec';
      place.reply = isExec
        ? this.transactions.abort(connection, reply)
        : this.transactions.spoil(connection, reply);
      return;
    }
    connection.lastCommand = command.name;
    const count = this.#options.statistics.of(command);
    count.calls += 1;
    place.count = count;
    const args = argumentsOf(command, request);
    const { transaction } = connection;
    if (command.kind === 'transaction') this.transactions.run(command, args, connection, place);
    else if (transaction !== undefined && !(command.kind === 'local' && command.leavesTransaction === true)) {
      place.reply = this.transactions.add(transaction, command, args, connection);
    } else if (isOperationCommand(command)) this.#routeOperation(command, args, connection, place);
    else this.#runLocal(command, args, connection, place);
  }

  /** Why the request is not even looked at closer. */
  #refusal(
    command: Command | undefined,
    request: readonly string[],
    connection: Connection,
  ): ErrorReply | undefined {
    const { user } = connection;
    const needsNoUser = command?.kind === 'local' && command.needsNoUser === true;
    if (user === undefined && !needsNoUser) return NO_USER;
    if (command === undefined) return undefined;
    if (!hasArity(command, request.length)) return wrongArity(command.name);
    if (user !== undefined && !needsNoUser) {
      const denied = denialOf(user, command, request);
      if (denied !== undefined) return denied;
    }
    const isListening = this.#options.server.subscriptions.countOf(connection) > 0;
    if (!isListening || connection.protocol === 3 || WHILE_LISTENING.has(command.name)) return undefined;
    return new ErrorReply(
      `ERR Can't execute '${command.name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context`,
    );
  }

  #answer(
    command: ImmediateCommand,
    args: readonly string[],
    context: CommandContext,
  ): Reply | Promise<Reply> {
    if (command.kind !== 'container') return command.run(args, context);
    return command.alone?.(context) ?? wrongArity(command.name);
  }

  #runLocal(
    command: ImmediateCommand,
    args: readonly string[],
    connection: Connection,
    place: PendingReply,
  ): void {
    const settle = (reply: Reply): void => {
      place.reply = reply;
      // HELLO answers in the version that it has chosen.
      place.protocol = connection.protocol;
    };
    const { server } = this.#options;
    const reply = this.#answer(command, args, { client: connection, isInTransaction: false, server });
    if (reply instanceof Promise) {
      const failed = (): void => settle(new ErrorReply('ERR the password could not be verified'));
      connection.hold(reply.then(settle, failed));
    } else settle(reply);
  }

  #routeOperation(
    command: OperationCommand,
    args: readonly string[],
    connection: Connection,
    place: PendingReply,
  ): void {
    const { server, submit, readState } = this.#options;
    const operation = command.prepare(args, server);
    if (operation instanceof ErrorReply) {
      place.reply = operation;
      return;
    }
    const cluster = server.cluster();
    const key = command.keys === undefined ? undefined : args[0];
    const finish = finisher(command, args, server);
    if (cluster.role === 'leader') {
      submit({ operation, isWrite: command.kind === 'write', key, lane: connection.lane, place, finish });
      return;
    }
    const isLocalRead = command.kind === 'read' && (connection.acceptsStale || command.keys === undefined);
    if (!isLocalRead) {
      place.reply = redirect(key, cluster);
      return;
    }
    const reply = readState(operation);
    place.reply = finish === undefined || reply instanceof ErrorReply ? reply : finish(reply);
  }
}

function unknownCommand(request: readonly string[]): ErrorReply {
  const [name, ...args] = request as [string, ...string[]]; // a request has one word at least
  let quoted = '';
  for (const argument of args) {
    const left = ECHO_CHARACTERS_MAX - quoted.length;
    if (left <= 0) break;
    quoted += `'${argument.slice(0, left)}' `;
  }
  return new ErrorReply(
    `ERR unknown command '${name.slice(0, ECHO_CHARACTERS_MAX)}', with args beginning with: ${quoted}`,
  );
}

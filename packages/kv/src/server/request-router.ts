// From a request to its command, and from the command to where it is carried out: here at once, in the log, in the
// local state once a read is allowed, or at the leader.

import { type Command, hasArity, isOperationCommand, type OperationCommand } from '../command/command.js';
import type { CommandContext, ServerView } from '../command/command-context.js';
import { runContainer, wrongArity } from '../command/container.js';
import type { Operation } from '../operation/operation.js';
import { ErrorReply, type Reply } from '../resp/reply.js';
import type { Connection } from './connection.js';
import type { LaneOperation } from './lane.js';
import { redirect } from './redirect.js';
import type { PendingReply } from './reply-queue.js';

export interface RouterOptions {
  readonly server: ServerView;
  readonly submit: (operation: LaneOperation) => void;
  readonly readState: (operation: Operation) => Reply;
}

/** An unknown command's error repeats what was sent, up to this many characters. */
const ECHO_CHARACTERS_MAX = 128;

export class RequestRouter {
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
  }

  route(connection: Connection, request: readonly string[], place: PendingReply): void {
    const name = request[0] as string; // a request has one word at least
    const command = this.#byName.get(name) ?? this.#byName.get(name.toLowerCase());
    if (command === undefined) {
      place.reply = unknownCommand(request);
      return;
    }
    connection.lastCommand = command.name;
    const args = request.slice(1);
    if (!hasArity(command, request.length)) place.reply = wrongArity(command.name);
    else if (isOperationCommand(command)) this.#routeOperation(command, args, connection, place);
    else this.#runLocal(command, args, connection, place);
  }

  #runLocal(
    command: Exclude<Command, OperationCommand>,
    args: readonly string[],
    connection: Connection,
    place: PendingReply,
  ): void {
    const context: CommandContext = { client: connection, server: this.#options.server };
    const reply =
      command.kind === 'container' ? runContainer(command, args, context) : command.run(args, context);
    place.reply = reply;
    // HELLO answers in the version that it has chosen.
    place.protocol = connection.protocol;
  }

  #routeOperation(
    command: OperationCommand,
    args: readonly string[],
    connection: Connection,
    place: PendingReply,
  ): void {
    const operation = command.prepare(args);
    if (operation instanceof ErrorReply) {
      place.reply = operation;
      return;
    }
    const cluster = this.#options.server.cluster();
    const { lane } = connection;
    if (cluster.role === 'leader') {
      this.#options.submit({ operation, isWrite: command.kind === 'write', lane, place });
      return;
    }
    const isLocalRead = command.kind === 'read' && (connection.acceptsStale || command.keys === undefined);
    place.reply = isLocalRead ? this.#options.readState(operation) : redirect(args[0], cluster);
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

// What a command is: one row of the table (command-table.ts). A new command is a new row; nothing else knows names.

import type { Operation } from '../operation/operation.js';
import type { ErrorReply, Reply } from '../resp/reply.js';
import type { CommandContext } from './command-context.js';

export type CommandGroup = 'string' | 'generic' | 'connection' | 'server' | 'cluster';

interface CommandBase {
  /** In lower case. */
  readonly name: string;
  /** Number of words with the name; negative: at least that many. */
  readonly arity: number;
  readonly group: CommandGroup;
  /** One line for COMMAND DOCS and HELP. */
  readonly summary: string;
}

/** Carried out by the replicas, or read from the replicated state. */
export interface OperationCommand extends CommandBase {
  readonly kind: 'write' | 'read';
  /** Where keys stand among the words, from 1; `last` -1: to the end. Undefined: the command has no key. */
  readonly keys: { readonly first: number; readonly last: number; readonly step: number } | undefined;
  /** Checks the arguments (without the name): what this lets pass is executed by every replica. */
  readonly prepare: (args: readonly string[]) => Operation | ErrorReply;
}

/** Answered at once, from what this server knows. */
export interface LocalCommand extends CommandBase {
  readonly kind: 'local';
  readonly run: (args: readonly string[], context: CommandContext) => Reply;
}

/** A command with subcommands, such as CLIENT. */
export interface ContainerCommand extends CommandBase {
  readonly kind: 'container';
  /** `name` and `arity` of each without the container's name, as they are typed behind it. */
  readonly subcommands: ReadonlyMap<string, LocalCommand>;
  /** What the command without a subcommand answers; undefined: that is an error. */
  readonly alone?: (context: CommandContext) => Reply;
}

export type Command = OperationCommand | LocalCommand | ContainerCommand;

/** Whether a request of `words` words has as many as the command wants. */
export function hasArity(command: { readonly arity: number }, words: number): boolean {
  return command.arity >= 0 ? words === command.arity : words >= -command.arity;
}

export function isOperationCommand(command: Command): command is OperationCommand {
  return command.kind === 'read' || command.kind === 'write';
}

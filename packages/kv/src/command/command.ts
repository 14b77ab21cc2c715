// What a command is: one row of the table (command-table.ts). A new command is a new row; nothing else knows names.

import type { Operation } from '../operation/operation.js';
import type { ErrorReply, Reply } from '../resp/reply.js';
import type { CommandContext, ServerView } from './command-context.js';

export type CommandGroup =
  | 'string'
  | 'generic'
  | 'connection'
  | 'server'
  | 'cluster'
  | 'transactions'
  | 'pubsub';

/** Where keys stand among the words, from 1; `last` -1: to the end. */
export interface KeyPlaces {
  readonly first: number;
  readonly last: number;
  readonly step: number;
}

export const ONE_KEY: KeyPlaces = { first: 1, last: 1, step: 1 };
export const ALL_KEYS: KeyPlaces = { first: 1, last: -1, step: 1 };

interface CommandBase {
  /** In lower case. */
  readonly name: string;
  /** Number of words with the name; negative: at least that many. */
  readonly arity: number;
  readonly group: CommandGroup;
  /** One line for COMMAND DOCS and HELP. */
  readonly summary: string;
  /** As Redis counts it: for the categories `fast` and `slow`. */
  readonly isFast?: boolean;
  /** For the categories of the same names; `admin` is `dangerous` too. */
  readonly risk?: 'dangerous' | 'admin';
  /** Where the command belongs to another category than its group says; '' for none. */
  readonly category?: string;
  /** Its name is two words, and `name` has them with a bar between, as in `client|list`. */
  readonly isSubcommand?: boolean;
}

/** Carried out by the replicas, or read from the replicated state. */
export interface OperationCommand extends CommandBase {
  readonly kind: 'write' | 'read';
  /** Undefined: the command has no key. */
  readonly keys: KeyPlaces | undefined;
  /** Checks the arguments (without the name): what this lets pass is executed by every replica. */
  readonly prepare: (args: readonly string[], server: ServerView) => Operation | ErrorReply;
  /** Makes of the replicas' reply what the client is told, if that is something else. Not called with an error. */
  readonly finish?: (reply: Reply, args: readonly string[], server: ServerView) => Reply;
}

/** Answered at once, from what this server knows. */
export interface LocalCommand extends CommandBase {
  readonly kind: 'local';
  /** A promise holds up what the connection sends behind it. */
  readonly run: (args: readonly string[], context: CommandContext) => Reply | Promise<Reply>;
  /** Not in a transaction: what it changes would come at another time than its answer. */
  readonly isRefusedInTransaction?: boolean;
  /** Carried out at once, also in a transaction, which it ends. */
  readonly leavesTransaction?: boolean;
  /** Allowed before AUTH. */
  readonly needsNoUser?: boolean;
}

/** MULTI and what belongs to it: the server knows what to do with them (`server/transactions.ts`). */
export interface TransactionCommand extends CommandBase {
  readonly kind: 'transaction';
  readonly step: 'multi' | 'exec' | 'discard' | 'watch' | 'unwatch';
  readonly keys: KeyPlaces | undefined;
}

/** A command with subcommands, such as CLIENT. */
export interface ContainerCommand extends CommandBase {
  readonly kind: 'container';
  /** By the word that is typed behind the container's name. */
  readonly subcommands: ReadonlyMap<string, Subcommand>;
  /** What the command without a subcommand answers; undefined: that is an error. */
  readonly alone?: (context: CommandContext) => Reply;
}

export type Subcommand = LocalCommand | OperationCommand;

/** Answered by this server alone. */
export type ImmediateCommand = LocalCommand | ContainerCommand;

export type Command = OperationCommand | ImmediateCommand | TransactionCommand;

/** Whether a request of `words` words has as many as the command wants. */
export function hasArity(command: { readonly arity: number }, words: number): boolean {
  return command.arity >= 0 ? words === command.arity : words >= -command.arity;
}

export function isOperationCommand(command: Command): command is OperationCommand {
  return command.kind === 'read' || command.kind === 'write';
}

/** What a request of this command is carried out as: the subcommand that its second word names, if there is one. */
export function resolveSubcommand(command: Command, words: readonly string[]): Command | undefined {
  const word = words[1];
  if (command.kind !== 'container' || word === undefined) return command;
  return command.subcommands.get(word.toLowerCase());
}

/** What follows the name. */
export function argumentsOf(command: Command, words: readonly string[]): readonly string[] {
  return words.slice(command.isSubcommand === true ? 2 : 1);
}

/** Every command that can be carried out, and the containers themselves. */
export function* withSubcommands(commands: Iterable<Command>): Generator<Command> {
  for (const command of commands) {
    yield command;
    if (command.kind === 'container') yield* command.subcommands.values();
  }
}

/** The keys of a request; `words[0]` is the command's name. */
export function keysOf(command: Command, words: readonly string[]): string[] {
  const places = command.kind === 'local' || command.kind === 'container' ? undefined : command.keys;
  if (places === undefined) return [];
  const { first, last, step } = places;
  const end = last < 0 ? words.length + last : last;
  const keys: string[] = [];
  for (let at = first; at <= end && at < words.length; at += step) keys.push(words[at] as string);
  return keys;
}

// Commands with subcommands: CLIENT, CLUSTER, COMMAND, CONFIG. HELP comes with every one of them.

import { ErrorReply, type Reply, StatusReply } from '../resp/reply.js';
import { type CommandGroup, type ContainerCommand, hasArity, type LocalCommand } from './command.js';
import type { CommandContext } from './command-context.js';

export interface Subcommand {
  readonly name: string;
  /** Number of words with the container's name and its own; negative: at least that many. */
  readonly arity: number;
  readonly summary: string;
  readonly run: LocalCommand['run'];
  readonly isRefusedInTransaction?: boolean;
}

interface ContainerOptions {
  readonly name: string;
  readonly group: CommandGroup;
  readonly summary: string;
  readonly subcommands: readonly Subcommand[];
  readonly alone?: (context: CommandContext) => Reply;
}

export function container(options: ContainerOptions): ContainerCommand {
  const { name, group, summary, alone } = options;
  const help: Subcommand = {
    name: 'help',
    arity: 2,
    summary: 'Lists the subcommands.',
    run: () => options.subcommands.map((sub) => new StatusReply(`${sub.name.toUpperCase()}: ${sub.summary}`)),
  };
  const subcommands = new Map<string, LocalCommand>();
  for (const sub of [...options.subcommands, help]) {
    subcommands.set(sub.name, { ...sub, kind: 'local', group });
  }
  const base = { kind: 'container', name, group, summary, subcommands } as const;
  return alone === undefined ? { ...base, arity: -2 } : { ...base, arity: -1, alone };
}

/** Runs the subcommand that the first argument names. */
export function runContainer(
  command: ContainerCommand,
  args: readonly string[],
  context: CommandContext,
): Reply | Promise<Reply> {
  const [word, ...rest] = args;
  if (word === undefined) return command.alone?.(context) ?? wrongArity(command.name);
  const subcommand = command.subcommands.get(word.toLowerCase());
  if (subcommand === undefined) {
    const upper = command.name.toUpperCase();
    return new ErrorReply(`ERR unknown subcommand '${word.slice(0, 128)}'. Try ${upper} HELP.`);
  }
  if (!hasArity(subcommand, args.length + 1)) return wrongArity(`${command.name}|${subcommand.name}`);
  return subcommand.run(rest, context);
}

export function wrongArity(name: string): ErrorReply {
  return new ErrorReply(`ERR wrong number of arguments for '${name}' command`);
}

// Commands with subcommands: CLIENT, CLUSTER, COMMAND, CONFIG, ... HELP comes with every one of them.

import { ErrorReply, type Reply, StatusReply } from '../resp/reply.js';
import type {
  CommandGroup,
  ContainerCommand,
  LocalCommand,
  OperationCommand,
  Subcommand,
} from './command.js';
import type { CommandContext } from './command-context.js';

/** A subcommand before it has its full name; `arity` counts the container's name too. */
type Row<Kind extends Subcommand> = Omit<Kind, 'group' | 'kind' | 'isSubcommand'>;
export type LocalRow = Row<LocalCommand>;
export type ReadRow = Row<OperationCommand>;

interface ContainerOptions {
  readonly name: string;
  readonly group: CommandGroup;
  readonly summary: string;
  readonly category?: string;
  readonly subcommands: readonly (LocalRow | ReadRow)[];
  readonly alone?: (context: CommandContext) => Reply;
}

export function container(options: ContainerOptions): ContainerCommand {
  const { name, group, summary, category = '', alone } = options;
  const help: LocalRow = {
    name: 'help',
    arity: 2,
    summary: 'Lists the subcommands.',
    category,
    run: () => helpOf(options),
  };
  const subcommands = new Map<string, Subcommand>();
  for (const row of [...options.subcommands, help]) {
    const base = { category, ...row, name: `${name}|${row.name}`, group, isSubcommand: true } as const;
    subcommands.set(row.name, 'run' in base ? { ...base, kind: 'local' } : { ...base, kind: 'read' });
  }
  const base = { kind: 'container', name, group, summary, category: '', subcommands } as const;
  return alone === undefined ? { ...base, arity: -2 } : { ...base, arity: -1, category, alone };
}

function helpOf({ name, subcommands }: ContainerOptions): Reply {
  const lines = subcommands.flatMap((row) => [row.name.toUpperCase(), `    ${row.summary}`]);
  const title = `${name.toUpperCase()} <subcommand> [<arg> [value] [opt] ...]. Subcommands are:`;
  return [title, ...lines, 'HELP', '    Prints this help.'].map((line) => new StatusReply(line));
}

export function unknownSubcommand(container: string, word: string): ErrorReply {
  return new ErrorReply(
    `ERR unknown subcommand '${word.slice(0, 128)}'. Try ${container.toUpperCase()} HELP.`,
  );
}

/** Of a subcommand that finds it too late for `wrongArity`. */
export function wrongSubcommand(container: string, word: string): ErrorReply {
  return new ErrorReply(
    `ERR unknown subcommand or wrong number of arguments for '${word}'. Try ${container.toUpperCase()} HELP.`,
  );
}

export function wrongArity(name: string): ErrorReply {
  return new ErrorReply(`ERR wrong number of arguments for '${name}' command`);
}

// The commands and flags of the program as plain data, for the scripts that complete them.

import type { Command } from 'commander';

export interface Place {
  /** The words that lead here: ``, ` members`, ` members add`. */
  readonly path: string;
  readonly commands: readonly Completed[];
  readonly flags: readonly Completed[];
}

export interface Completed {
  readonly word: string;
  readonly description: string;
}

/** The program itself, then every command below it. */
export function placesOf(program: Command, path = ''): Place[] {
  const help = program.createHelp();
  const commands = help.visibleCommands(program);
  const own: Place = {
    path,
    commands: commands.map((command) => ({
      word: command.name(),
      description: firstSentence(command.description()),
    })),
    flags: help
      .visibleOptions(program)
      .flatMap(({ long, description }) =>
        long === undefined || long === null ? [] : [{ word: long, description: firstSentence(description) }],
      ),
  };
  const below = program.commands.flatMap((command) => placesOf(command, `${path} ${command.name()}`));
  return [own, ...below];
}

function firstSentence(text: string): string {
  return text
    .replace(/ \(default: .*\)$/s, '')
    .replace(/[.;] .*$/s, '')
    .replace(/\.$/, '');
}

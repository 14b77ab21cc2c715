// The program `waldb`: its commands are in commands.ts, each with its options in a file of its own.

import { Command, CommanderError } from 'commander';
import { COMMANDS, type CommandContext, type RunCommand } from './commands.js';
import { EXIT, type ExitCode, failureAsJson, onOneLine, reported } from './exit.js';
import { readVersion } from './version.js';

/** Runs the command line `args` (without node and the file); resolves with the exit code. */
export async function runCommandLine(args: readonly string[], entryFile: string): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const isJson = asksForJson(args);
  const run: RunCommand = async (command, meaning) => {
    exitCode = await reported(command, { meaning, isJson });
  };
  // `waldb help bench` is told of bench; `completion` tells of all.
  const program = await makeProgram(
    { entryFile, run },
    (name) => args.includes(name) || args.includes('completion'),
  );
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return EXIT.ok;
    if (isJson) process.stdout.write(failureAsJson({ code: 'USAGE', message: describeUsage(error) }));
    return EXIT.refused;
  }
}

/** Also where the rest of the command line cannot be understood. */
function asksForJson(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  return args.slice(0, end < 0 ? args.length : end).includes('--json');
}

/** Where the help was printed instead, a command is missing. */
function describeUsage({ code, message }: CommanderError): string {
  return code === 'commander.help' ? 'A command is missing; --help lists them.' : withoutPrefix(message);
}

function withoutPrefix(text: string): string {
  return onOneLine(text.replace(/^error: /, ''));
}

/**
 * The program, ready to be told what was typed. Each command is known by name; the options of those in `wanted` are known,
 * too: what a command stands on is loaded for that command alone.
 */
export async function makeProgram(
  context: CommandContext,
  wanted: (name: string) => boolean = () => true,
): Promise<Command> {
  const program = new Command('waldb')
    .description('A replicated, durable key-value store that Redis clients can talk to.')
    .version(readVersion())
    .addHelpText('after', PROGRAM_HELP)
    .showHelpAfterError(false)
    .showSuggestionAfterError(true)
    .configureOutput({
      // One line, like every other failure.
      outputError: (text, write) => write(`waldb: ${withoutPrefix(text)}\n`),
    })
    .exitOverride();
  for (const { name, description, load } of COMMANDS) {
    const command = program.command(name).description(description);
    if (wanted(name)) (await load())(command, context);
  }
  return program;
}

const PROGRAM_HELP = `
To begin with:
  waldb cluster                                    three servers on this machine
  redis-cli -c -p 7101 set greeting hello          any Redis client
  waldb status --watch                             who leads, and how far everybody is
  waldb snapshot save first.backup

Each command has --help with examples. --json writes what a program reads, failures too. Exit codes: 0 done, 1 not done this time, 2 refused, 3 data cannot be used.`;

// `waldb wal ...`: the options of its commands, and nothing of what they do.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from '../commands.js';
import { EXIT, type ExitCode } from '../exit.js';
import { type DumpFlags, runDump } from './dump-command.js';
import { type InspectFlags, runInspect, runVerify, type VerifyFlags } from './inspect-command.js';
import { type RepairFlags, runRepair } from './repair-command.js';

const DIRECTORY = "a log's directory, or that of a server";

export function addWal(wal: Command, { run: runToEnd }: CommandContext): void {
  wal.addHelpText('after', WAL_HELP);
  // These commands judge logs by their exit codes, so every other failure has the one that says "could not".
  const run = (command: () => Promise<ExitCode>): Promise<void> => runToEnd(command, EXIT.refused);
  wal
    .command('inspect')
    .description('Show segments, entries, terms and damage of a log; also while it is in use.')
    .argument('<directory>', DIRECTORY)
    .addOption(new Option('--json', 'everything, as one JSON object'))
    .addHelpText('after', INSPECT_HELP)
    .action((directory: string, flags: InspectFlags) => run(() => runInspect(directory, flags)));
  wal
    .command('dump')
    .description('Print the entries of a log, passing over damage; also while it is in use.')
    .argument('<directory>', DIRECTORY)
    .addOption(
      new Option('--from <index>', 'the first one (default: the first there is)').argParser(parseIndex),
    )
    .addOption(new Option('--to <index>', 'the last one (default: the last there is)').argParser(parseIndex))
    .addOption(new Option('--limit <count>', 'at most so many').argParser(parseIndex))
    .addOption(new Option('--full', 'do not cut long commands'))
    .addOption(new Option('--json', 'one JSON object on each line, with whole commands'))
    .addHelpText('after', DUMP_HELP)
    .action((directory: string, flags: DumpFlags) => run(() => runDump(directory, flags)));
  wal
    .command('verify')
    .description('Read all of a log and say by the exit code whether it is sound; also while it is in use.')
    .argument('<directory>', DIRECTORY)
    .addOption(new Option('--quiet', 'say nothing, the exit code is enough'))
    .addOption(new Option('--json', 'the verdict as one line of JSON'))
    .addHelpText('after', VERIFY_HELP)
    .action((directory: string, flags: VerifyFlags) => run(() => runVerify(directory, flags)));
  wal
    .command('repair')
    .description('Make a sound log of a damaged one that is not in use; the damaged one is kept beside it.')
    .argument('<directory>', DIRECTORY)
    .addOption(new Option('--dry-run', 'only say what would be kept and what given up'))
    .addOption(new Option('--yes', 'do not ask'))
    .addOption(
      new Option(
        '--keep-log-id',
        'let a server that is alone go on, although it has lost what it acknowledged',
      ),
    )
    .addOption(
      new Option('--json', 'what is kept and given up, as one JSON object; together with --yes or --dry-run'),
    )
    .addHelpText('after', REPAIR_HELP)
    .action((directory: string, flags: RepairFlags) => run(() => runRepair(directory, flags)));
}

function parseIndex(text: string): number {
  const index = /^\d{1,16}$/.test(text) ? Number(text) : 0;
  if (!Number.isSafeInteger(index) || index < 1)
    throw new InvalidArgumentError('A whole number from 1 is wanted.');
  return index;
}

const WAL_HELP = `
Start with verify; it changes nothing and says what to do.

Examples:
  waldb wal verify ./data/node-1             sound or damaged? exit code 0 or 1
  waldb wal inspect ./data/node-1            segments, entries, terms, damage
  waldb wal dump ./data/node-1 --from 100    entries from index 100 on
  waldb wal repair ./data/node-1 --dry-run   what a repair would keep and give up`;

const INSPECT_HELP = `
Reads and checks the whole log. Changes nothing and takes no lock.

Examples:
  waldb wal inspect ./data/node-1
  waldb wal inspect ./data/node-1 --json | jq .damages`;

const DUMP_HELP = `
Commands are shown as text where they are text, else in hexadecimal (base64 in JSON). What cannot be read is marked
where it was, and the exit code is 1 then.

Examples:
  waldb wal dump ./data/node-1 | head
  waldb wal dump ./data/node-1 --from 100 --to 120 --full
  waldb wal dump ./data/node-1 --json | jq -r 'select(.kind == "normal") | .text'`;

const VERIFY_HELP = `
Exit codes:
  0  sound: everything that was acknowledged is there. An unfinished write at the end is no damage.
  1  damaged: each place is told, with the first and last index that is lost
  2  could not be judged: no log, no permission, a newer version

Examples:
  waldb wal verify ./data/node-1
  waldb wal verify ./data/node-1 --quiet || echo damaged or unreadable`;

const REPAIR_HELP = `
Keeps the longest stretch of entries from the beginning, or from the snapshot, that nothing is missing from, and the
newest hard state. Writes it beside the damaged log, reads it back, and then exchanges the two by renames. Needs as much
free space as the log takes. If anything acknowledged is lost, the log gets a new id, and its server refuses to start
with it: it must not vote any more.

Exit codes:
  0  repaired, or nothing to repair
  2  refused or failed; nothing was changed

Examples:
  waldb wal repair ./data/node-1 --dry-run
  waldb wal repair ./data/node-1
  waldb wal repair ./data/node-1 --yes --keep-log-id      a server that is alone in its cluster`;

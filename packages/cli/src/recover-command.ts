// `waldb recover`: makes a new cluster of the one server that is left, after everybody has read what that means.

import { createInterface } from 'node:readline/promises';
import { describeConfiguration } from '@waldb/core';
import {
  type Members,
  parseServerAddress,
  type RecoveryPlan,
  type RecoveryReport,
  recoverMembership,
} from '@waldb/runtime';
import type { Command } from 'commander';
import { Option } from 'commander';
import type { CommandContext } from './commands.js';
import { EXIT, type ExitCode, ExitError } from './exit.js';
import { parsePeers } from './option-values.js';
import { type Palette, paletteFor } from './terminal/palette.js';

interface RecoverFlags {
  readonly members?: Members;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function addRecover(command: Command, { run }: CommandContext): void {
  command
    .argument('<directory>', "the survivor's directory, as waldb serve has it")
    .addOption(
      new Option(
        '--members <list>',
        'where it is from now on, if that changes: its own id=host:port[/clientHost:port[/adminHost:port]]',
      ).argParser(parsePeers),
    )
    .addOption(new Option('--yes', 'do not ask'))
    .addOption(new Option('--json', 'what was done, as one JSON object; together with --yes'))
    .addHelpText('after', HELP)
    .action((directory: string, flags: RecoverFlags) => run(() => runRecover(directory, flags)));
}

async function runRecover(directory: string, flags: RecoverFlags): Promise<ExitCode> {
  const palette = paletteFor(process.stdout);
  refuseOthers(flags);
  if (flags.json === true && flags.yes !== true)
    throw new ExitError(EXIT.refused, 'Nothing was changed: --json asks nobody, so it needs --yes.', {
      code: 'NOT_CONFIRMED',
    });
  const report = await recoverMembership({
    directory,
    ...(flags.members !== undefined && { members: flags.members }),
    confirm: async (plan) => {
      if (flags.json !== true) process.stdout.write(`${describePlan(plan, palette).join('\n')}\n`);
      return flags.yes === true || (await ask());
    },
  });
  if (report === undefined)
    throw new ExitError(EXIT.refused, 'Nothing was changed.', { code: 'NOT_CONFIRMED' });
  process.stdout.write(
    `${flags.json === true ? JSON.stringify(report) : describeReport(report).join('\n')}\n`,
  );
  return EXIT.ok;
}

/**
 * A voter with an empty directory is refused when it joins (it may have forgotten its votes), and a survivor that needs
 * such voters never leads: the others join a cluster that serves already, each as a learner first.
 */
function refuseOthers({ members = {} }: RecoverFlags): void {
  if (Object.keys(members).length <= 1) return;
  throw new ExitError(
    EXIT.refused,
    'Nothing was changed: a survivor begins alone. Recover it so, start it, then start the others with empty directories ' +
      'and --join, and add them: waldb members add <id>.',
    { code: 'USAGE' },
  );
}

function describePlan(plan: RecoveryPlan, palette: Palette): string[] {
  const { id, directory, cluster, lastIndex, lastTerm, term, before, after } = plan;
  const members = Object.entries(after).map(
    ([member, address]) => `${member}=${parseServerAddress(address) ? address : '?'}`,
  );
  return [
    palette.bold(`Server ${id} in ${directory}`),
    `  cluster             ${cluster}${plan.isInterrupted ? ' (a recovery was interrupted; this one finishes it)' : ''}`,
    `  log                 ends at index ${lastIndex} of term ${lastTerm}; newest term seen: ${term}`,
    `  members now         ${before === undefined ? 'none: it was never added' : describeConfiguration(before)}`,
    `  members afterwards  ${members.join(', ')}, in a new cluster`,
    '',
    palette.red('This gives up the old cluster.'),
    'Commands that were acknowledged and did not reach this server are lost. Commands at the end of its log that were never',
    'acknowledged become part of its state. If another survivor has a log that ends in a later term, or in the same term at a',
    'higher index, recover that one instead: waldb wal inspect shows it.',
    'The other servers of the old cluster must never serve again: together they may still be a majority of it, and clients that',
    'reach them would see another history. This server will not talk to them. Wipe them, and let them join as new servers.',
  ];
}

function describeReport({ id, cluster, newCluster, index, newTerm, backups }: RecoveryReport): string[] {
  return [
    '',
    `Done. Server ${id} is a voter of the new cluster ${newCluster}, by the configuration at index ${index} of term ${newTerm}.`,
    `It was cluster ${cluster}. What the small files held before is in ${backups.join(' and ')}.`,
    'Start it as before, but without --peers: waldb serve --id … --directory … --admin …',
    'Then start the others with empty directories and --join, and add them: waldb members add <id>',
  ];
}

async function ask(): Promise<boolean> {
  if (!process.stdin.isTTY || !process.stdout.isTTY)
    throw new ExitError(
      EXIT.refused,
      'Nothing was changed: without a terminal to ask on, a recovery needs --yes.',
      { code: 'NOT_CONFIRMED' },
    );
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  terminal.on('SIGINT', () => terminal.close());
  try {
    const answer = await Promise.race([
      terminal.question('\nType recover to go on: '),
      new Promise<string>((resolve) => terminal.once('close', () => resolve(''))),
    ]);
    return answer.trim().toLowerCase() === 'recover';
  } finally {
    terminal.close();
  }
}

const HELP = `
Only when the majority will never come back: as long as it may, start its servers, and nothing is lost.
What is asked, what is kept and why the two clusters cannot mix is in docs/recovery.md.

Exit codes:
  0  recovered
  2  refused, or not confirmed; nothing was changed

Examples:
  waldb wal inspect ./data/1                    which survivor has the longest log?
  waldb recover ./data/1                        that one, alone
  waldb serve --directory ./data/1 --admin 127.0.0.1:7301`;

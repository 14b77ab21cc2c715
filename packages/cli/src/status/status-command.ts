// `waldb status`: all servers of a cluster in one table, once or again and again.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { CommandContext } from '../commands.js';
import { EXIT, type ExitCode, failureAsJson, toExitError } from '../exit.js';
import { type AdminFlags, adminAccess, caOption, serverOption } from '../members/server-option.js';
import { type Palette, paletteFor } from '../terminal/palette.js';
import { describeStatus } from './describe-status.js';
import { type ClusterStatus, gatherStatus } from './gather-status.js';

interface StatusFlags extends AdminFlags {
  readonly json?: boolean;
  /** Seconds between two looks; undefined: one look. */
  readonly watch?: number | true;
}

const WATCH_SECONDS = 2;

export function addStatus(command: Command, { run }: CommandContext): void {
  command
    .addOption(serverOption())
    .addOption(caOption())
    .addOption(
      new Option('--watch [seconds]', `look again and again, every ${WATCH_SECONDS} seconds`).argParser(
        parseSeconds,
      ),
    )
    .addOption(new Option('--json', 'the same facts as JSON: one object on one line for each look'))
    .addHelpText('after', HELP)
    .action((flags: StatusFlags) => run(() => runStatus(flags)));
}

async function runStatus({ json, watch, ...flags }: StatusFlags): Promise<ExitCode> {
  const access = adminAccess(flags);
  const palette = paletteFor(process.stdout);
  const show = json === true ? toJson : (status: ClusterStatus) => toText(status, palette);
  if (watch === undefined) {
    const status = await gatherStatus(access);
    process.stdout.write(show(status));
    return status.isServing ? EXIT.ok : EXIT.failed;
  }
  await untilInterrupted((watch === true ? WATCH_SECONDS : watch) * 1000, async () => {
    const text = await gatherStatus(access).then(show, (error: unknown) => describeFailure(error, json));
    process.stdout.write(json === true ? text : onScreen(text));
  });
  return EXIT.ok;
}

function toJson(status: ClusterStatus): string {
  return `${JSON.stringify(status)}\n`;
}

function toText(status: ClusterStatus, palette: Palette): string {
  return `${describeStatus(status, palette).join('\n')}\n`;
}

/** A cluster that is away for a moment is what a watch is for. */
function describeFailure(error: unknown, json: boolean | undefined): string {
  const failure = toExitError(error);
  return json === true ? failureAsJson(failure) : `${failure.message}\n`;
}

/** On a terminal each look takes the place of the one before, without a flicker; elsewhere it follows it. */
function onScreen(text: string): string {
  if (process.stdout.isTTY !== true) return `${text}\n`;
  const lines = text.split('\n').map((line) => `${line}\u001b[K`);
  return `\u001b[H${lines.join('\n')}\u001b[J`;
}

async function untilInterrupted(pauseMs: number, look: () => Promise<void>): Promise<void> {
  let isInterrupted = false;
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.once(signal, () => {
        isInterrupted = true;
        resolve();
      });
    }
    // Nobody reads any more (`| head`).
    process.stdout.once('error', () => {
      isInterrupted = true;
      resolve();
    });
  });
  while (!isInterrupted) {
    await Promise.race([look(), interrupted]);
    await Promise.race([new Promise((resolve) => setTimeout(resolve, pauseMs)), interrupted]);
  }
}

function parseSeconds(text: string): number {
  const seconds = /^\d{1,4}(\.\d+)?$/.test(text) ? Number(text) : 0;
  if (seconds < 0.1) throw new InvalidArgumentError('Seconds are a number from 0.1.');
  return seconds;
}

const HELP = `
Asks the admin port of any member (waldb serve --admin; waldb cluster has them), and finds the others through it.
BEHIND counts the entries of the leader's log that a server is not known to hold.

Exit codes:
  0  the cluster serves: a leader and a majority of the voters answered
  1  it does not, or nobody answered
  2  the call was wrong

Examples:
  waldb status
  waldb status --server 10.0.0.1:7301 --server 10.0.0.2:7301      whichever answers
  waldb status --watch
  waldb status --json | jq '.servers[] | select(.state != "ok")'`;

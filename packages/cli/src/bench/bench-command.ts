// `waldb bench`: how fast a running store is, as its clients see it.

import { type Endpoint, formatEndpoint } from '@waldb/io';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { addStoreAccessOptions, readStoreAccess, type StoreAccessFlags } from '../clients/store-access.js';
import { DEFAULT_PORT } from '../cluster-layout.js';
import type { CommandContext } from '../commands.js';
import { EXIT, type ExitCode, ExitError } from '../exit.js';
import { parseAddress } from '../option-values.js';
import { type Palette, paletteFor } from '../terminal/palette.js';
import { ProgressLine } from '../terminal/progress-line.js';
import { count, formatBytes } from '../terminal/quantities.js';
import { type Column, formatTable } from '../terminal/table.js';
import { LeaderRoute } from './leader-route.js';
import { KEY_PREFIX, type LoadResult, removeKeys, runLoad } from './load.js';
import { StoreError } from './resp-connection.js';

interface BenchFlags extends StoreAccessFlags {
  readonly server: Endpoint;
  readonly clients: number;
  readonly pipeline: number;
  readonly valueBytes: number;
  readonly keys: number;
  readonly reads: number;
  readonly seconds: number;
  readonly keep?: boolean;
  readonly json?: boolean;
}

export function addBench(command: Command, { run }: CommandContext): void {
  const number = (flag: string, text: string, [min, max, usual]: readonly [number, number, number]): Option =>
    new Option(flag, text).argParser(between(min, max)).default(usual);
  addStoreAccessOptions(
    command.addOption(
      new Option('--server <address>', "a server's port for clients; the leader is found through it")
        .argParser(parseAddress)
        .default({ host: '127.0.0.1', port: DEFAULT_PORT }, `127.0.0.1:${DEFAULT_PORT}`),
    ),
  )
    .addOption(number('--clients <count>', 'connections', [1, 10_000, 50]))
    .addOption(number('--pipeline <count>', 'commands that each sends at once', [1, 10_000, 1]))
    .addOption(number('--value-bytes <count>', 'the size of a value', [1, 1_000_000, 100]))
    .addOption(number('--keys <count>', 'how many keys, drawn evenly', [1, 10_000_000, 10_000]))
    .addOption(number('--reads <percent>', 'how many of a hundred commands are GET', [0, 100, 0]))
    .addOption(number('--seconds <count>', 'how long', [1, 3_600, 5]))
    .addOption(new Option('--keep', `leave the keys there (${KEY_PREFIX}0 and so on)`))
    .addOption(new Option('--json', 'the result as one JSON object'))
    .addHelpText('after', HELP)
    .action((flags: BenchFlags) => run(() => runBench(flags)));
}

async function runBench(flags: BenchFlags): Promise<ExitCode> {
  const { server, keys, keep, json } = flags;
  const progress = new ProgressLine('measuring');
  const onSecond = (commands: number, seconds: number): void =>
    progress.show(`${perSecond(commands, seconds)} commands a second`);
  try {
    const route = await LeaderRoute.through(server, readStoreAccess(flags, process.env));
    const result = await runLoad({ ...flags, route, onSecond });
    if (keep !== true) {
      progress.show('done; taking the keys away');
      await removeKeys(route, keys);
    }
    progress.clear();
    if (json === true) process.stdout.write(`${JSON.stringify(facts(flags, route.leader, result))}\n`);
    else
      process.stdout.write(
        `${describe(flags, route.leader, result, paletteFor(process.stdout)).join('\n')}\n`,
      );
    return Object.keys(result.errors).length === 0 ? EXIT.ok : EXIT.failed;
  } catch (error) {
    if (error instanceof ExitError) throw error;
    const why = error instanceof Error ? error.message : String(error);
    const who = error instanceof StoreError ? 'The store refused' : 'A connection to the store broke off';
    throw new ExitError(EXIT.failed, `${who}: ${why.replace(/\.$/, '')}.`, {
      cause: error,
      ...(!(error instanceof StoreError) && { code: 'NO_ANSWER' as const }),
    });
  } finally {
    progress.clear();
  }
}

const QUANTILES = [
  ['p50', 0.5],
  ['p90', 0.9],
  ['p99', 0.99],
  ['p99.9', 0.999],
] as const;

function facts(flags: BenchFlags, leader: Endpoint, result: LoadResult): object {
  const { seconds, measured, errors, interruptions, interruptionsUntold, unanswered } = result;
  const { clients, pipeline, valueBytes, keys, reads } = flags;
  const operations = Object.fromEntries(
    measured.map(({ operation, latency }) => [
      operation,
      {
        count: latency.count,
        perSecond: latency.count / seconds,
        latencyMicroseconds: {
          mean: latency.mean,
          ...Object.fromEntries(QUANTILES.map(([name, fraction]) => [name, latency.quantile(fraction)])),
          max: latency.max,
        },
      },
    ]),
  );
  return {
    server: formatEndpoint(leader),
    clients,
    pipeline,
    valueBytes,
    keys,
    reads,
    seconds,
    operations,
    errors,
    interruptions,
    interruptionsUntold,
    unanswered,
  };
}

const COLUMNS: readonly Column[] = [
  'OPERATION',
  'COUNT',
  'PER SECOND',
  'MEAN',
  'P50',
  'P90',
  'P99',
  'P99.9',
  'MAX',
].map((title, nth) => ({ title, align: nth === 0 ? 'left' : 'right' }));

function describe(
  { clients, pipeline, valueBytes, keys }: BenchFlags,
  leader: Endpoint,
  { seconds, measured, errors, interruptions, unanswered }: LoadResult,
  palette: Palette,
): string[] {
  const rows = measured.map(({ operation, latency }) => [
    operation,
    String(latency.count),
    String(perSecond(latency.count, seconds)),
    ...[latency.mean, ...QUANTILES.map(([, fraction]) => latency.quantile(fraction)), latency.max].map(
      milliseconds,
    ),
  ]);
  const wrong = Object.entries(errors).map(([word, number]) => `${number} ${word}`);
  return [
    `${count(clients, 'client')}, ${pipeline === 1 ? 'one command at a time' : `${pipeline} commands at a time`}, ` +
      `values of ${formatBytes(valueBytes)}, ${count(keys, 'key')}, ${seconds.toFixed(1)} s, at ${formatEndpoint(leader)}`,
    '',
    ...formatTable(COLUMNS, rows, { palette }),
    ...interruptions.map(({ at, seconds: gap }) =>
      palette.yellow(`interrupted: nobody was answered for ${gap.toFixed(2)} s, from ${at.toFixed(2)} s on`),
    ),
    ...(unanswered === 0
      ? []
      : [palette.yellow(`${count(unanswered, 'command')} without an answer: done or not, nobody knows`)]),
    ...(wrong.length === 0 ? [] : ['', palette.red(`errors: ${wrong.join(', ')}`)]),
  ];
}

function perSecond(commands: number, seconds: number): number {
  return Math.round(commands / seconds);
}

/** Three digits that matter, more or less. */
function milliseconds(microseconds: number): string {
  const value = microseconds / 1000;
  return `${value.toFixed(value < 10 ? 2 : value < 100 ? 1 : 0)} ms`;
}

function between(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,8}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`A whole number from ${min} to ${max} is wanted.`);
  };
}

const HELP = `
Writes keys that begin with ${KEY_PREFIX} to that store, and deletes them in the end. Each client waits for its replies before
it sends more, so the latencies are those of a store that is as busy as these clients can make it; for those of an idle
one say --clients 1. The clients share this machine with whatever runs on it: measure from another one.

When the leader is lost, the clients go on with the next one, and the gap is told.

Exit codes:
  0  measured, also across a change of leader
  1  there were errors, or nobody answered
  2  the call was wrong, or the store did not let us in

Examples:
  waldb bench
  waldb bench --clients 200 --pipeline 16 --reads 90
  waldb bench --tls-ca ca.crt --user app --password-file app.password
  waldb bench --clients 1 --seconds 10 --json | jq .operations.SET.latencyMicroseconds`;

// What a store takes: memory, log and disk for each key, and memory for each client, of `waldb serve` as its users run it. `pnpm bench:sizing`.
// Sizes, not times: other work on the machine does not change them.

import { once } from 'node:events';
import { readdirSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { HOST } from '../cluster/stores/store.js';
import { describeMachine } from '../harness/machine.js';
import { caseTable } from '../harness/print-table.js';
import { type CaseResult, type Line, line, type RunResult } from '../harness/result.js';
import { openWorkDirectory, type WorkDirectory } from '../harness/work-directory.js';
import { writeResults } from '../write-results.js';
import { CONNECTION_CASES, measureConnections } from './connections.js';
import { metricsOf, running, WAIT_MS } from './running-server.js';

const ROUNDS = 3;
const PIPELINE = 200;
const CASES = [
  { name: 'small', keys: 300_000, valueBytes: 128 },
  { name: 'large', keys: 100_000, valueBytes: 1024 },
] as const;

type Figures = Readonly<Record<'memory' | 'resident' | 'snapshot' | 'log' | 'directory', number>>;

process.exitCode = await main();

async function main(): Promise<number> {
  const work = openWorkDirectory();
  try {
    const results: CaseResult[] = [];
    for (const { name, keys, valueBytes } of CASES) {
      const rounds: Figures[] = [];
      for (let round = 0; round < ROUNDS; round++) rounds.push(await fill(work, keys, valueBytes));
      const title = `${keys.toLocaleString('en-US')} keys of 16 bytes with values of ${valueBytes}`;
      const result = { name, title, lines: linesOf(rounds), notes: [] };
      console.log(caseTable(result));
      results.push(result);
    }
    for (const one of CONNECTION_CASES) {
      const result = await measureConnections(work, one, ROUNDS);
      console.log(caseTable(result));
      results.push(result);
    }
    const run: RunResult = {
      format: 1,
      date: new Date().toISOString(),
      isQuick: false,
      rounds: ROUNDS,
      machine: describeMachine(work.fileSystem),
      cases: results,
    };
    console.log(
      `Written: ${writeResults(run, { directory: undefined, isWhole: true, name: 'sizing' }).join(', ')}`,
    );
    return 0;
  } finally {
    work.remove();
  }
}

function linesOf(rounds: readonly Figures[]): Line[] {
  const of = (name: keyof Figures): number[] => rounds.map((figures) => figures[name]);
  return [
    line('memory for a key', 'bytes', of('memory')),
    line('resident set', 'MiB', of('resident')),
    line('snapshot for a key', 'bytes', of('snapshot')),
    line('log written for a SET', 'bytes', of('log')),
    line('directory at rest', 'MiB', of('directory')),
  ];
}

/** One server: filled key by key, given time to take its snapshot, then started again on what it has. */
async function fill(work: WorkDirectory, keys: number, valueBytes: number): Promise<Figures> {
  const directory = work.make('store');
  const empty = await running(directory, [], async ({ admin }) => metricsOf(admin));
  const filled = await running(directory, [], async ({ processes, port, admin }) => {
    await setAll(port, keys, valueBytes);
    // Snapshots are taken after a number of entries, of which each holds many commands: wait until none is under way.
    const settled = await processes.until(
      'the server is at rest',
      async () => {
        const before = await metricsOf(admin);
        await new Promise((resolve) => setTimeout(resolve, 500));
        const now = await metricsOf(admin);
        return same(before, now, 'waldb_snapshot_index') && same(before, now, 'waldb_wal_size_bytes')
          ? now
          : undefined;
      },
      WAIT_MS,
    );
    return { metrics: settled, directory: bytesIn(directory), image: await backupBytes(admin) };
  });
  const again = await running(directory, [], async ({ admin }) => metricsOf(admin));
  const resident = (metrics: Map<string, number>): number =>
    metrics.get('process_resident_memory_bytes') ?? 0;
  return {
    memory: (resident(again) - resident(empty)) / keys,
    resident: resident(filled.metrics) / 2 ** 20,
    snapshot: filled.image / keys,
    log: (filled.metrics.get('waldb_wal_written_bytes_total') ?? 0) / keys,
    directory: filled.directory / 2 ** 20,
  };
}

async function setAll(port: number, keys: number, valueBytes: number): Promise<void> {
  const socket = connect({ port, host: HOST, noDelay: true });
  await once(socket, 'connect');
  const value = 'x'.repeat(valueBytes);
  const answer = '+OK\r\n'.length;
  for (let first = 0; first < keys; first += PIPELINE) {
    const requests = Array.from({ length: Math.min(PIPELINE, keys - first) }, (_, nth) => {
      const key = `key:${String(first + nth).padStart(12, '0')}`;
      return `*3\r\n$3\r\nSET\r\n$${key.length}\r\n${key}\r\n$${valueBytes}\r\n${value}\r\n`;
    });
    socket.write(requests.join(''));
    for (let missing = requests.length * answer; missing > 0; ) {
      const [bytes] = (await once(socket, 'data')) as [Buffer];
      if (bytes.toString().includes('-')) throw new Error(`The store answered ${bytes.toString()}`);
      missing -= bytes.length;
    }
  }
  socket.destroy();
}

/** The store's image, as a backup has it. */
async function backupBytes(admin: number): Promise<number> {
  const response = await fetch(`http://${HOST}:${admin}/snapshot/save`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  });
  if (response.status !== 200) throw new Error(`The server gave no backup: ${await response.text()}`);
  return (await response.arrayBuffer()).byteLength;
}

function same(a: Map<string, number>, b: Map<string, number>, name: string): boolean {
  return a.get(name) === b.get(name);
}

function bytesIn(directory: string): number {
  return readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => statSync(join(directory, name)))
    .reduce((sum, status) => sum + (status.isFile() ? status.blocks * 512 : 0), 0);
}

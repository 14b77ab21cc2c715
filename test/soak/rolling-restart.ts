// An upgrade as an operator does it: one server after the other is told to end, and started again, while clients work. Nobody
// who asks again may lose anything by it.

import { createWriteStream, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@waldb/testkit';
import type { Program } from '../../packages/wal/test/support/process/program.js';
import { SoakClient } from './client.js';
import { Ledger } from './ledger.js';
import { PLAIN } from './protocol.js';
import { SoakCluster } from './soak-cluster.js';
import { judge, recover } from './verdict.js';

export interface RollingRestartReport {
  readonly complaints: readonly string[];
  readonly operations: Ledger['outcomes'];
  /** How each server ended, in the order of the restarts. */
  readonly ends: readonly string[];
  /** Commands that clients sent, and those of them that were acknowledged. */
  readonly sent: number;
  readonly acknowledged: number;
}

const WAIT_MS = 60_000;
const KEYS = 3;

/** `rounds` times every server is restarted once. All clients have sessions. */
export async function rollingRestart(options: {
  readonly program: Program;
  readonly servers: number;
  readonly clients: number;
  readonly rounds: number;
}): Promise<RollingRestartReport> {
  const directory = mkdtempSync(join(tmpdir(), 'waldb-rolling-'));
  const historyPath = join(directory, 'history.ndjson');
  const history = createWriteStream(historyPath);
  const ledger = new Ledger({ keys: KEYS, writeLine: (line) => void history.write(`${line}\n`) });
  const complaints: string[] = [];
  const cluster = await SoakCluster.create({
    directory,
    servers: options.servers,
    snapshotThreshold: 200,
    variant: PLAIN,
    program: options.program,
    onEvent: () => {},
    onUnwantedEnd: (id, how) => complaints.push(`Server ${id} ended by itself: ${how}`),
  });
  const random = new SeededRandom(1);
  const makeClient = (name: string): SoakClient =>
    new SoakClient({ name, cluster, ledger, random: random.fork(), thinkMs: 5, hasSession: true });
  const clients = Array.from({ length: options.clients }, (_, i) => makeClient(`c${i + 1}`));
  const first = makeClient('first');
  let isOver = false;
  try {
    for (const id of cluster.ids) cluster.start(id);
    if (!(await cluster.waitFor(() => first.append(), WAIT_MS))) throw new Error('no leader');
    const work = clients.map((client) => client.run(() => isOver));
    const ends: string[] = [];
    for (let round = 0; round < options.rounds; round++) {
      for (const id of cluster.ids) ends.push(await restart(cluster, id));
    }
    isOver = true;
    await Promise.all(work);
    complaints.push(...(await recover(cluster, makeClient('last'))));
    await new Promise<void>((resolve) => history.end(resolve));
    const verdict = await judge(cluster, ledger, historyPath);
    return {
      complaints: [...complaints, ...verdict.complaints],
      operations: ledger.outcomes,
      ends,
      sent: ledger.sent.size,
      acknowledged: ledger.acknowledged.size,
    };
  } finally {
    isOver = true;
    await cluster.close();
    history.end();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The next one waits until this one holds what the leader has committed: a majority is up and level at every moment. */
async function restart(cluster: SoakCluster, id: number): Promise<string> {
  const server = cluster.running(id);
  await cluster.end(id, 'SIGTERM');
  cluster.start(id);
  const isLevel = async (): Promise<boolean> => {
    const leader = await cluster.leader();
    const status = await cluster.status(id);
    return leader !== undefined && (status?.appliedIndex ?? 0) >= leader.status.commitIndex - LEVEL_ENTRIES;
  };
  if (!(await cluster.waitFor(isLevel, WAIT_MS))) throw new Error(`server ${id} did not catch up`);
  return (await server?.ended) ?? 'was not there';
}

/** Commits go on while two servers are asked one after the other. */
const LEVEL_ENTRIES = 100;

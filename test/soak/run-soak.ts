// A whole soak: servers in processes of their own, clients, faults for as long as was asked, and the verdict. Prints how it
// goes; keeps its directory where something was wrong.

import { createWriteStream, mkdirSync, mkdtempSync, rmSync, type WriteStream, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SeededRandom } from '@waldb/testkit';
import { makeProgram, type Program } from '../../packages/wal/test/support/process/program.js';
import type { FaultyDisk } from '../support/faulty-disk/faulty-disk.js';
import type { ServerDisk } from '../support/faulty-disk/server-disk.js';
import type { SmallDisk } from '../support/small-disk/small-disk.js';
import { SoakClient } from './client.js';
import { type FaultCounts, FaultSchedule } from './faults.js';
import { Ledger } from './ledger.js';
import { MachineProbe, syncing } from './machine-probe.js';
import type { LifeEvent, Variant } from './protocol.js';
import { SoakCluster } from './soak-cluster.js';
import { validateTraces } from './validate-traces.js';
import { judge, recover } from './verdict.js';

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly servers: number;
  readonly clients: number;
  readonly variant: Variant;
  /** With it, disks fail and the power goes. */
  readonly disk?: FaultyDisk;
  /** With it, disks are small: they fill up, and the power goes. Not together with `disk`. */
  readonly makeSmallDisk?: (directory: string) => SmallDisk;
  /** Ends it early; what is there by then is judged. */
  readonly signal?: AbortSignal;
  readonly print: (line: string) => void;
  /** Keeps the directory, with every server's log and life, also when all is well. Default false. */
  readonly isKept?: boolean;
  /** Every step of every server is compared with the Raft specification in the end. Default false. */
  readonly validatesTraces?: boolean;
  /** Where directories of soaks are made. Default: the machine's temporary directory. */
  readonly root?: string;
}

export interface SoakReport {
  readonly complaints: readonly string[];
  readonly faults: FaultCounts;
  /** What disks did wrong, by call and kind. */
  readonly diskFaults: FaultCounts;
  /** Starts that were refused, on a disk that failed, by code. */
  readonly refusedStarts: FaultCounts;
  readonly operations: { readonly ok: number; readonly fail: number; readonly unknown: number };
  readonly elections: number;
  readonly restores: number;
  readonly snapshotIndex: number;
  readonly linearizability: string;
  /** Lines of protocol traces that follow the specification. */
  readonly traceLines: number;
  /** Kept when there are complaints or it was asked for, gone otherwise. */
  readonly directory: string;
}

/** For servers that have small disks. */
export const SMALL_DISK_BYTES: number = 32 * 1024 * 1024;
const PROGRESS_MS = 5000;
const SNAPSHOT_THRESHOLD = 400;
const KEYS = 6;
const THINK_MS = 12;
const FAULT_MEAN_MS = 1200;
/** Codes that a server may report and survive. */
const HARMLESS = new Set(['STORAGE_FULL', 'BUSY']);

/** What a server may say, and then stop or not start, when a call of its disk has failed. Damage is not among it. */
const DISK_CODES = new Set([
  'STORAGE',
  'STORAGE_FULL',
  'DIRECTORY_UNUSABLE',
  'SNAPSHOT_FAILED',
  'WAL_FULL',
  'WAL_IO',
  'WAL_POISONED',
]);
/** What it may say when nothing more fits: never that its log has failed, since a full disk loses nothing. */
const FULL_CODES = new Set(['STORAGE_FULL', 'WAL_FULL', 'SNAPSHOT_FULL', 'DIRECTORY_UNUSABLE']);
const ADDRESS_IN_USE = 'ADDRESS_IN_USE';
/** How a server ends that has told why. */
const STATUS_TOLD = /^(70|71)\b/;

function isExcused(code: string, disk: ServerDisk, probe: MachineProbe): boolean {
  if (code === 'STORAGE_STALLED') return disk.isSlow || probe.isSlow;
  // While it was down another program of this machine has taken its port: no server's fault. It is started again later.
  if (code === ADDRESS_IN_USE) return true;
  if (disk.hasBeenFull && FULL_CODES.has(code)) return true;
  return DISK_CODES.has(code) && disk.hasFailed;
}

export async function runSoak(options: SoakOptions): Promise<SoakReport> {
  const { seed, print } = options;
  const directory = mkdtempSync(join(options.root ?? tmpdir(), `waldb-soak-${seed}-`));
  for (const name of ['servers', 'traces']) mkdirSync(join(directory, name));
  const program = await makeProgram(join(import.meta.dirname, 'soak-server.ts'));
  const soak = new Soak(options, directory);
  try {
    const run = await soak.run(program);
    const report = options.validatesTraces === true ? await withTraces(run, join(directory, 'traces')) : run;
    if (report.complaints.length > 0) {
      writeFileSync(join(directory, 'complaints.txt'), `${report.complaints.join('\n\n')}\n`);
      print(`kept: ${directory}`);
      print(`again: ${commandOf(options)}`);
    } else if (options.isKept === true) {
      print(`kept: ${directory}`);
    } else {
      rmSync(directory, { recursive: true, force: true });
    }
    return report;
  } finally {
    program.remove();
  }
}

async function withTraces(report: SoakReport, directory: string): Promise<SoakReport> {
  const { lines, complaint } = await validateTraces(directory);
  const complaints = complaint === undefined ? report.complaints : [...report.complaints, complaint];
  return { ...report, complaints, traceLines: lines };
}

function commandOf(options: SoakOptions): string {
  const { seconds, seed, servers, clients, variant, disk, makeSmallDisk, validatesTraces } = options;
  const { readPolicy, machine, hasTls, ballastBytes } = variant;
  return [
    `npm run soak -- --seconds ${seconds} --seed ${seed} --servers ${servers} --clients ${clients}`,
    `--reads ${readPolicy} --machine ${machine} --ballast ${ballastBytes}`,
    ...(hasTls ? ['--tls'] : []),
    ...(disk === undefined ? [] : ['--disks']),
    ...(makeSmallDisk === undefined ? [] : ['--small-disks']),
    ...(validatesTraces === true ? ['--validate'] : []),
  ].join(' ');
}

class Soak {
  readonly #options: SoakOptions;
  readonly #directory: string;
  readonly #lives: WriteStream;
  readonly #probe: MachineProbe;
  readonly #complaints: string[] = [];
  readonly #terms = new Set<number>();
  readonly #refusedStarts: FaultCounts = {};
  /** Those that have just said so. */
  readonly #withoutPort = new Set<number>();
  #restores = 0;
  #isOver = false;

  constructor(options: SoakOptions, directory: string) {
    this.#options = options;
    this.#directory = directory;
    this.#lives = createWriteStream(join(directory, 'lives.log'));
    this.#probe = new MachineProbe(syncing(join(directory, 'probe')));
  }

  async run(program: Program): Promise<SoakReport> {
    const { seed, print, seconds } = this.#options;
    const random = new SeededRandom(seed);
    const historyPath = join(this.#directory, 'history.ndjson');
    const history = createWriteStream(historyPath);
    const ledger = new Ledger({ keys: KEYS, writeLine: (line) => void history.write(`${line}\n`) });
    const cluster = await this.#makeCluster(program);
    const schedule = new FaultSchedule(
      {
        cluster,
        random: random.fork(),
        answered: () => ledger.outcomes.ok,
        note: (line) => this.#note(line),
      },
      { meanMs: FAULT_MEAN_MS },
    );
    const progress = setInterval(() => print(this.#progress(ledger, schedule)), PROGRESS_MS);
    const timer = setTimeout(() => this.#end(), seconds * 1000);
    const onAbort = (): void => this.#end();
    this.#options.signal?.addEventListener('abort', onAbort);
    try {
      const last = await this.#work(cluster, ledger, schedule, random);
      this.#complaints.push(...(await recover(cluster, last)));
      const snapshotIndex = (await cluster.leader())?.status.snapshotIndex ?? 0;
      await new Promise<void>((resolve) => history.end(resolve));
      const { complaints, linearizability } = await judge(cluster, ledger, historyPath);
      return {
        complaints: [...this.#complaints, ...complaints],
        faults: schedule.counts,
        diskFaults: cluster.diskFaults,
        refusedStarts: this.#refusedStarts,
        operations: ledger.outcomes,
        elections: this.#terms.size,
        restores: this.#restores,
        snapshotIndex,
        linearizability,
        traceLines: 0,
        directory: this.#directory,
      };
    } finally {
      clearInterval(progress);
      clearTimeout(timer);
      this.#options.signal?.removeEventListener('abort', onAbort);
      this.#end();
      await cluster.close();
      await this.#probe.close();
      history.end();
      this.#lives.end();
    }
  }

  /** Clients and faults until the time is up; returns a client for what comes after. */
  async #work(
    cluster: SoakCluster,
    ledger: Ledger,
    schedule: FaultSchedule,
    random: SeededRandom,
  ): Promise<SoakClient> {
    const makeClient = (name: string, hasSession: boolean): SoakClient =>
      new SoakClient({ name, cluster, ledger, random: random.fork(), thinkMs: THINK_MS, hasSession });
    const clients = Array.from({ length: this.#options.clients }, (_, i) =>
      makeClient(`c${i + 1}`, i % 2 === 0),
    );
    const isOver = (): boolean => this.#isOver;
    for (const id of cluster.ids) cluster.start(id);
    const work = clients.map((client) => client.run(isOver));
    await schedule.run(isOver);
    await Promise.all(work);
    return makeClient('last', false);
  }

  async #makeCluster(program: Program): Promise<SoakCluster> {
    const { servers, variant, disk, makeSmallDisk, validatesTraces } = this.#options;
    const cluster: SoakCluster = await SoakCluster.create({
      directory: join(this.#directory, 'servers'),
      servers,
      snapshotThreshold: SNAPSHOT_THRESHOLD,
      variant,
      ...(disk === undefined ? {} : { disk }),
      ...(validatesTraces === true ? { traceDirectory: join(this.#directory, 'traces') } : {}),
      ...(makeSmallDisk === undefined ? {} : { makeSmallDisk }),
      program,
      onEvent: (id, event) => {
        this.#note(`${id} ${JSON.stringify(event)}`);
        this.#hear(id, event, cluster.disk(id));
      },
      onUnwantedEnd: (id, how) => this.#hearOfEnd(id, how, cluster.disk(id)),
    });
    return cluster;
  }

  #note(line: string): void {
    this.#lives.write(`${Math.round(performance.now())} ${line}\n`);
  }

  #end(): void {
    this.#isOver = true;
  }

  #hear(id: number, event: LifeEvent, disk: ServerDisk): void {
    if (event.event === 'role' && event.role === 'leader') {
      if (this.#terms.has(event.term))
        this.#complain(`Server ${id} is a second leader of term ${event.term}.`);
      this.#terms.add(event.term);
    }
    if (event.event === 'restored') this.#restores += 1;
    if (event.event === 'trouble' && !HARMLESS.has(event.code) && !isExcused(event.code, disk, this.#probe)) {
      this.#complain(`Server ${id} reports ${event.code}: ${event.message}`);
    }
    if (event.event !== 'refused') return;
    this.#refusedStarts[event.code] = (this.#refusedStarts[event.code] ?? 0) + 1;
    if (event.code === ADDRESS_IN_USE) this.#withoutPort.add(id);
    if (!isExcused(event.code, disk, this.#probe))
      this.#complain(`Server ${id} did not start: ${event.code}: ${event.message}`);
  }

  #hearOfEnd(id: number, how: string, disk: ServerDisk): void {
    this.#note(`${id} ended by itself: ${how}`);
    const isTold = STATUS_TOLD.test(how); // and was judged when it told why
    if (this.#withoutPort.delete(id) && isTold) return;
    if ((isTold && (disk.hasFailed || disk.hasBeenFull)) || (how === 'SIGKILL' && disk.hasKilled)) return;
    this.#complain(`Server ${id} ended by itself: ${how}`);
  }

  /** What is certainly wrong ends the faults early: what follows would only bury it. */
  #complain(complaint: string): void {
    this.#complaints.push(complaint);
    this.#options.print(complaint);
    this.#end();
  }

  #progress(ledger: Ledger, schedule: FaultSchedule): string {
    const { ok, fail, unknown } = ledger.outcomes;
    const faults = Object.values(schedule.counts).reduce((sum, count) => sum + count, 0);
    return `${ok} ok, ${fail} failed, ${unknown} unknown; ${faults} faults, ${this.#terms.size} elections, ${this.#restores} restores`;
  }
}

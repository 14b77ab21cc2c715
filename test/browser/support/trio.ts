// Three servers, each a process that the test has started itself: it may kill one, and nobody starts it again but the test.

import type { ChildProcess } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { freePorts, makeDirectory, spawnWaldb } from '../../support/cluster-process.js';

const IDS = [1, 2, 3] as const;
const PATIENCE_MS = 120_000;
const LOOK_MS = 200;

export interface TrioOptions {
  /** What the admin port wants to be told. */
  readonly token?: string;
  /** Further options of every server. */
  readonly args?: readonly string[];
}

interface Status {
  readonly id: number;
  readonly role: string;
  readonly term: number;
}

export class Trio {
  readonly #port: number;
  readonly #directory: string;
  readonly #args: readonly string[];
  readonly #processes = new Map<number, ChildProcess>();

  static async start({ token, args = [] }: TrioOptions = {}): Promise<Trio> {
    const directory = makeDirectory();
    const tokenFile = join(directory, 'admin-token');
    if (token !== undefined) writeFileSync(tokenFile, token, { mode: 0o600 });
    const tokenArgs = token === undefined ? [] : ['--admin-token-file', tokenFile];
    const trio = new Trio(await freePorts(3), directory, [...tokenArgs, ...args]);
    for (const id of IDS) trio.start(id);
    await trio.leader();
    return trio;
  }

  private constructor(port: number, directory: string, args: readonly string[]) {
    this.#port = port;
    this.#directory = directory;
    this.#args = args;
  }

  /** Of a server's dashboard. */
  url(id: number): string {
    return `http://${this.#admin(id)}/`;
  }

  client(id: number): string {
    return `127.0.0.1:${this.#port + id - 1}`;
  }

  followers(leader: number): number[] {
    return IDS.filter((id) => id !== leader);
  }

  start(id: number): void {
    const peers = IDS.map((one) => `${one}=${this.#peer(one)}/${this.client(one)}/${this.#admin(one)}`);
    const child = spawnWaldb([
      ...['serve', '--id', String(id), '--directory', join(this.#directory, String(id))],
      ...['--port', String(this.#port + id - 1), '--peers', peers.join(','), '--admin', this.#admin(id)],
      ...['--log-level', 'error', ...this.#args],
    ]);
    this.#processes.set(id, child);
  }

  /** Waits for one that serves. */
  async leader(): Promise<number> {
    const until = Date.now() + PATIENCE_MS;
    while (Date.now() < until) {
      const all = await Promise.all(IDS.map((id) => this.#status(id)));
      const leading = all.flatMap((status) => (status?.role === 'leader' ? [status] : []));
      const newest = leading.sort((a, b) => b.term - a.term)[0];
      if (newest !== undefined) return newest.id;
      await pause(LOOK_MS);
    }
    throw new Error(`no leader for ${PATIENCE_MS / 1000} s`);
  }

  /** Resolves once the process is gone. */
  async kill(id: number): Promise<void> {
    await this.#end(id, 'SIGKILL');
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#processes.keys()].map((id) => this.#end(id, 'SIGKILL')));
  }

  async #end(id: number, signal: NodeJS.Signals): Promise<void> {
    const child = this.#processes.get(id);
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise((resolve) => child.once('close', resolve));
    child.kill(signal);
    await gone;
  }

  async #status(id: number): Promise<Status | undefined> {
    return await fetch(`http://${this.#admin(id)}/status`, { signal: AbortSignal.timeout(5000) })
      .then(async (response) => (await response.json()) as Status)
      .catch(() => undefined);
  }

  #peer(id: number): string {
    return `127.0.0.1:${this.#port + 100 + id - 1}`;
  }

  #admin(id: number): string {
    return `127.0.0.1:${this.#port + 200 + id - 1}`;
  }
}

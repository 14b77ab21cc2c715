// `waldb cluster` as a real process with real children, as a user starts it: from its command line, told apart by what
// it prints. Everything started here is ended by `stopAll`, however a test ends.

import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '../..');
const ENTRY = join(ROOT, 'packages/cli/dist/main.js');

/** Another user to run as: only the superuser may. */
interface User {
  readonly uid?: number;
  readonly gid?: number;
}

/** Another command line than the one of this checkout: an installed one. */
export interface Installed {
  readonly cwd: string;
  /** What stands before the arguments. */
  readonly command: readonly [file: string, ...args: string[]];
}

const COMPILED: Installed = { cwd: ROOT, command: [process.execPath, ENTRY] };

/** Runs the command line as it was compiled before the tests (compile-cli.ts), or an installed one. */
export function spawnWaldb(
  args: readonly string[],
  user: User = {},
  { cwd, command: [file, ...first] }: Installed = COMPILED,
): ChildProcess {
  return spawn(file, [...first, ...args], { cwd, stdio: ['ignore', 'pipe', 'pipe'], ...user });
}

export interface Finished {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command that ends by itself. */
export function runWaldb(
  args: readonly string[],
  user: User = {},
  installed: Installed = COMPILED,
): Promise<Finished> {
  const child = spawnWaldb(args, user, installed);
  started.add(child);
  let stdout = '';
  let stderr = '';
  child.stdout?.on('data', (text) => {
    stdout += text;
  });
  child.stderr?.on('data', (text) => {
    stderr += text;
  });
  return new Promise((resolve) => {
    child.on('close', (exitCode) => {
      started.delete(child);
      resolve({ exitCode, stdout, stderr });
    });
  });
}

export interface Ready {
  readonly leader: number;
  readonly pids: ReadonlyMap<number, number>;
}

export class ClusterProcess {
  readonly port: number;
  readonly ports: readonly number[];
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #ready: Ready[] = [];
  readonly #ended: Promise<number | null>;
  #isEnded = false;
  #output = '';
  #onChange: () => void = () => undefined;

  constructor(options: {
    readonly directory: string;
    readonly port: number;
    readonly nodes?: number;
    /** Further options of the command line. */
    readonly args?: readonly string[];
    readonly installed?: Installed;
  }) {
    const { directory, port, nodes = 3, args: more = [], installed = COMPILED } = options;
    this.port = port;
    this.ports = Array.from({ length: nodes }, (_, nth) => port + nth);
    const args = [
      'cluster',
      '--directory',
      directory,
      '--port',
      String(port),
      '--nodes',
      String(nodes),
      ...more,
    ];
    this.#child = spawnWaldb(args, {}, installed);
    started.add(this.#child);
    this.pid = this.#child.pid ?? -1;
    let line = '';
    this.#child.stdout?.on('data', (text: Buffer) => {
      this.#output += text;
      line += text;
      const lines = line.split('\n');
      line = lines.pop() ?? '';
      for (const one of lines) this.#hear(one);
    });
    this.#child.stderr?.on('data', (text: Buffer) => {
      this.#output += text;
      this.#onChange();
    });
    this.#ended = new Promise((resolve) => {
      this.#child.on('close', (code) => {
        started.delete(this.#child);
        this.#isEnded = true;
        resolve(code);
        this.#onChange();
      });
    });
  }

  /** Everything that it has printed, on stdout and stderr. */
  get output(): string {
    return this.#output;
  }

  /** What the last ready line said. */
  get last(): Ready {
    const last = this.#ready.at(-1);
    if (last === undefined) throw new Error('no leader yet');
    return last;
  }

  /** Waits until the last ready line is as wanted. Fails when the cluster ends first. */
  async ready(isWanted: (ready: Ready) => boolean = () => true): Promise<Ready> {
    await new Promise<void>((resolve, reject) => {
      this.#onChange = () => {
        const last = this.#ready.at(-1);
        if (last !== undefined && isWanted(last)) resolve();
        else if (this.#isEnded) reject(new Error(`the cluster ended:\n${this.#output}`));
      };
      this.#onChange();
    });
    return this.last;
  }

  /** Waits until all servers are there. */
  allReady(): Promise<Ready> {
    return this.ready(({ pids }) => pids.size === this.ports.length);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal);
  }

  /** The exit code. */
  ended(): Promise<number | null> {
    return this.#ended;
  }

  #hear(line: string): void {
    const match = /^ready leader=(\d+) pids=([\d:,]+)$/.exec(line);
    if (match !== null) {
      const [, leader, pids = ''] = match;
      const entries = pids.split(',').map((pair) => pair.split(':').map(Number) as [number, number]);
      this.#ready.push({ leader: Number(leader), pids: new Map(entries) });
    }
    this.#onChange();
  }
}

const started = new Set<ChildProcess>();
const directories: string[] = [];

export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'waldb-test-'));
  directories.push(directory);
  return directory;
}

/** Ends what is still running (servers end with their supervisor) and removes the directories. */
export async function stopAll(): Promise<void> {
  const children = [...started];
  const ends = children.map((child) => new Promise((resolve) => child.once('close', resolve)));
  for (const child of children) child.kill('SIGTERM');
  await Promise.all(ends);
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
}

/** The first of `count` free ports in a row, with as many free a hundred above, for peers, and two hundred, for operators. */
export async function freePorts(count: number): Promise<number> {
  for (;;) {
    // Below the range from which the system gives ports to connections.
    const base = 12_000 + Math.floor(Math.random() * 18_000);
    const wanted = Array.from({ length: count }, (_, nth) =>
      [base, base + 100, base + 200].map((from) => from + nth),
    ).flat();
    if ((await Promise.all(wanted.map(isFree))).every(Boolean)) return base;
  }
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)));
  });
}

/** Waits until the process is gone. */
export async function gone(pid: number): Promise<void> {
  while (isAlive(pid)) await new Promise((resolve) => setTimeout(resolve, 20));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

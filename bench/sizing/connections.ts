// What a connection of a client takes of a server's memory: idle, after a command, and the same by TLS. Part of
// `pnpm bench:sizing`.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { HOST } from '../cluster/stores/store.js';
import { type CaseResult, line } from '../harness/result.js';
import type { WorkDirectory } from '../harness/work-directory.js';
import { metricsOf, PROGRAM, running } from './running-server.js';

const CLIENTS = fileURLToPath(new URL('./many-clients.ts', import.meta.url));
/** Garbage of the handshakes goes when the collector has come by; what is left does not change any more. */
const REST_MS = 3_000;

export const CONNECTION_CASES = [
  { name: 'connections', clients: 10_000, isTls: false },
  { name: 'connections-tls', clients: 2_000, isTls: true },
] as const;

interface Figures {
  readonly idle: number;
  readonly used: number;
}

export async function measureConnections(
  work: WorkDirectory,
  { name, clients, isTls }: (typeof CONNECTION_CASES)[number],
  rounds: number,
): Promise<CaseResult> {
  const figures: Figures[] = [];
  for (let round = 0; round < rounds; round++) figures.push(await measure(work, clients, isTls));
  const of = (key: keyof Figures): number[] => figures.map((one) => one[key]);
  return {
    name,
    title: `${clients.toLocaleString('en-US')} clients${isTls ? ' by TLS' : ''}`,
    lines: [
      line('memory for an idle connection', 'bytes', of('idle')),
      line('memory for one that has sent a SET', 'bytes', of('used')),
    ],
    notes: [],
  };
}

async function measure(work: WorkDirectory, clients: number, isTls: boolean): Promise<Figures> {
  const directory = work.make('connections');
  const certs = isTls ? makeCertificates(directory) : undefined;
  return await running(directory, certs?.flags ?? [], async ({ port, admin }) => {
    const empty = await residentAtRest(admin);
    const many = await Many.start(port, clients, certs?.ca);
    try {
      await accepted(admin, clients);
      const idle = await residentAtRest(admin);
      await many.set();
      const used = await residentAtRest(admin);
      return { idle: (idle - empty) / clients, used: (used - empty) / clients };
    } finally {
      many.end();
    }
  });
}

function makeCertificates(directory: string): { readonly flags: string[]; readonly ca: string } {
  const at = join(directory, 'certs');
  const words = ['certs', 'create', '--directory', at, '--ids', '1', '--hosts', HOST];
  execFileSync(process.execPath, [PROGRAM, ...words], { stdio: 'ignore' });
  const file = (name: string): string => join(at, name);
  const flags = ['--client-tls-cert', file('node-1.crt'), '--client-tls-key', file('node-1.key')];
  return { flags, ca: file('ca.crt') };
}

async function residentAtRest(admin: number): Promise<number> {
  await new Promise((resolve) => setTimeout(resolve, REST_MS));
  return (await metricsOf(admin)).get('process_resident_memory_bytes') ?? 0;
}

/** The system may have connections that the server has not come to accept. */
async function accepted(admin: number, clients: number): Promise<void> {
  for (;;) {
    const open = (await metricsOf(admin)).get('process_open_fds') ?? 0;
    if (open >= clients) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

class Many {
  readonly #child: ChildProcess;
  readonly #said: () => Promise<string>;

  static async start(port: number, clients: number, ca: string | undefined): Promise<Many> {
    const words = ['--import', 'tsx', CLIENTS, `${port}`, `${clients}`, ...(ca === undefined ? [] : [ca])];
    const many = new Many(spawn(process.execPath, words, { stdio: ['pipe', 'pipe', 'inherit'] }));
    await many.#expect(`connected ${clients}`);
    return many;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
    const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream }); // a pipe was asked for
    this.#said = async () => {
      const ended = once(child, 'exit').then(() => ['the clients have ended']);
      const [text] = await Promise.race([once(lines, 'line'), ended]);
      return String(text);
    };
  }

  async set(): Promise<void> {
    this.#child.stdin?.write('key\n');
    const said = await this.#said();
    if (!said.startsWith('answered')) throw new Error(said);
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }

  async #expect(wanted: string): Promise<void> {
    const said = await this.#said();
    if (said !== wanted) throw new Error(`${wanted} was expected: ${said}`);
  }
}

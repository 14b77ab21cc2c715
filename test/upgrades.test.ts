// What docs/upgrades.md promises, on real files and sockets: a release goes on where an older one stopped, an older one refuses
// what a newer one wrote and changes nothing of it, and who has no version in common says so. `pnpm sim` does the same to
// whole clusters, under faults.

import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { RaftServer, RaftServerOptions, StateMachine } from '@waldb/runtime';
import type { Release } from '@waldb/testkit';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from './support/free-port.js';

const scripts = fileURLToPath(new URL('../scripts/sim/releases/', import.meta.url));
const { compileReleases } = (await import(pathToFileURL(join(scripts, 'releases.mjs')).href)) as {
  compileReleases: () => Promise<{ files: readonly object[]; remove: () => void }>;
};
const { loadReleases } = (await import(pathToFileURL(join(scripts, 'load.mjs')).href)) as {
  loadReleases: (files: readonly object[]) => Promise<readonly Release[]>;
};
const { RaftServer: First } = await import('@waldb/runtime');

let later: readonly Release[] = [];
let remove = (): void => {};
const running: RaftServer<unknown>[] = [];
const directories: string[] = [];

beforeAll(async () => {
  const compiled = await compileReleases();
  remove = compiled.remove;
  later = await loadReleases(compiled.files);
});
afterEach(async () => {
  await Promise.all(running.splice(0).map((server) => server.close()));
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true, force: true });
});
afterAll(() => remove());

/** Keeps every command. */
class Items implements StateMachine<number> {
  readonly items: string[] = [];

  apply(entries: Parameters<StateMachine<number>['apply']>[0]): number[] {
    return entries.map(({ command }) => this.items.push(Buffer.from(command).toString()));
  }

  async *snapshot(): AsyncIterable<Uint8Array> {
    yield Buffer.from(JSON.stringify(this.items));
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    const pieces: Uint8Array[] = [];
    for await (const piece of stream) pieces.push(piece);
    this.items.splice(0, this.items.length, ...(JSON.parse(Buffer.concat(pieces).toString()) as string[]));
  }
}

type Wishes = Partial<RaftServerOptions<unknown>> & Pick<RaftServerOptions<unknown>, 'directory'>;

class OneServer {
  readonly directory = directoryOf();
  readonly #port: number;

  constructor(port: number) {
    this.#port = port;
  }

  /** Started by release 1, 2 or 3: what it holds, once it can be read. */
  async start(release: number): Promise<{ server: RaftServer<unknown>; items: readonly string[] }> {
    const machine = new Items();
    const address = `127.0.0.1:${this.#port}`;
    const server = await startWith(release, {
      directory: this.directory,
      stateMachine: machine,
      bootstrap: { members: { 1: address } },
      listen: address,
    });
    await until(async () => {
      await server.read('linearizable');
    });
    return { server, items: [...machine.items] };
  }

  async use(release: number, item: string): Promise<readonly string[]> {
    const { server, items } = await this.start(release);
    const session = await server.openSession({ ttlMs: 60_000 });
    await server.propose(Buffer.from(item), { session: session.next() });
    if (item.endsWith('!')) await server.snapshot();
    await close(server);
    return items;
  }
}

describe('a server of a later release', () => {
  it('goes on where the one before stopped, in its own formats, and so does the one after it', async () => {
    const one = new OneServer(await freePort());
    expect(await one.use(1, 'a')).toEqual([]);
    expect(versionsOf(one.directory)).toEqual([1]);
    expect(await one.use(2, 'b!')).toEqual(['a']);
    expect(versionsOf(one.directory)).toEqual([1, 2]);
    expect(await one.use(2, 'c')).toEqual(['a', 'b!']);
    expect(await one.use(3, 'd!')).toEqual(['a', 'b!', 'c']);
    // What release 3 writes for all servers, release 2 reads.
    expect(await one.use(2, 'e')).toEqual(['a', 'b!', 'c', 'd!']);
    expect(await one.use(3, 'f')).toEqual(['a', 'b!', 'c', 'd!', 'e']);
  });

  it('leaves what an older one refuses by name, without a byte changed, and finds again', async () => {
    const one = new OneServer(await freePort());
    await one.use(1, 'a');
    await one.use(2, 'b');
    const before = contentsOf(one.directory);
    await expect(one.start(1)).rejects.toMatchObject({
      code: 'WAL_VERSION',
      message: expect.stringMatching(
        /was written by version 2 of the format; this program knows versions up to 1\.$/,
      ),
    });
    expect(contentsOf(one.directory)).toEqual(before);
    expect(await one.use(2, 'c')).toEqual(['a', 'b']);
  });

  it('leaves an identity that an older one does not call damaged', async () => {
    const one = new OneServer(await freePort());
    await one.use(2, 'a');
    const before = contentsOf(one.directory);
    await expect(one.start(1)).rejects.toMatchObject({
      code: 'DIRECTORY_NEWER',
      message: expect.stringMatching(
        /identity is a "waldb identity 2"; this program reads up to "waldb identity 1"\. A newer version of waldb wrote it, and it is left as it is: start that version again\.$/,
      ),
    });
    expect(contentsOf(one.directory)).toEqual(before);
  });
});

describe('two servers without a version in common', () => {
  it('say so, and make no cluster', async () => {
    const ports = [await freePort(), await freePort()];
    const members = Object.fromEntries(ports.map((port, nth) => [nth + 1, `127.0.0.1:${port}`]));
    const said: string[] = [];
    const keep = (_facts: object, message: string): void => void said.push(message);
    const logger = { debug() {}, info: keep, warn: keep, error: keep };
    const start = (release: number, id: number) =>
      startWith(release, {
        id,
        directory: directoryOf(),
        bootstrap: { members },
        listen: members[id] as string,
        logger,
      });
    const [old, recent] = [await start(1, 1), await start(3, 2)];
    await until(() => {
      for (const end of [
        'versions 2 to 2 of the protocol, this one 1 to 1',
        'versions 1 to 1 of the protocol, this one 2 to 2',
      ])
        if (!said.some((line) => line.includes(end))) throw new Error(`nobody says: ${end}`);
    });
    expect([old.leader, recent.leader]).toEqual([undefined, undefined]);
  });
});

async function startWith(release: number, wishes: Wishes): Promise<RaftServer<unknown>> {
  const options = { id: 1, stateMachine: new Items(), ...wishes };
  const server = await (release === 1
    ? First.start<unknown>(options)
    : (later[release - 2] as Release).start(options));
  running.push(server);
  return server;
}

async function close(server: RaftServer<unknown>): Promise<void> {
  running.splice(running.indexOf(server), 1);
  await server.close();
}

function directoryOf(): string {
  const directory = mkdtempSync(join(tmpdir(), 'waldb-upgrades-'));
  directories.push(directory);
  return directory;
}

/** Of the log's segments, oldest first, without repetition. */
function versionsOf(directory: string): number[] {
  const log = join(directory, 'log');
  const segments = readdirSync(log).filter((name) => name.endsWith('.wal'));
  return [...new Set(segments.sort().map((name) => readFileSync(join(log, name)).readUInt32LE(8)))];
}

function contentsOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, encoding: 'utf8' })
    .map((name) => join(directory, name))
    .filter((path) => statSync(path).isFile());
  return Object.fromEntries(
    files.sort().map((path) => [relative(directory, path), readFileSync(path, 'hex')]),
  );
}

async function until(holds: () => void | Promise<void>): Promise<void> {
  const deadline = Date.now() + 30_000;
  for (;;) {
    try {
      return await holds();
    } catch (error) {
      if (Date.now() > deadline) throw error;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

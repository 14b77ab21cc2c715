// What a user gets: every public package packed, its tarball looked at, and installed by plain npm in an empty project
// outside of this checkout, where programs of it are compiled and run. `npm run test:packages`; it needs the registry.

import { execFile } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ClusterProcess, freePorts, makeDirectory, runWaldb, stopAll } from '../support/cluster-process.js';
import { EmptyProject, type Packed } from './empty-project.js';
import { exampleOf, PROGRAMS, type Program } from './programs.js';

const ROOT = join(import.meta.dirname, '../..');
const run = promisify(execFile);
const NAMES = readdirSync(join(ROOT, 'packages')).map(
  (folder) => JSON.parse(readFileSync(join(ROOT, 'packages', folder, 'package.json'), 'utf8')).name as string,
);

let tarballs: readonly Packed[] = [];
let directory = '';

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'waldb-tarballs-'));
  const { stdout } = await script('pack.mjs', directory);
  tarballs = JSON.parse(stdout);
});

afterAll(async () => {
  await stopAll();
  rmSync(directory, { recursive: true, force: true });
});

function script(name: string, ...args: string[]): Promise<{ stdout: string }> {
  return run(process.execPath, [join(ROOT, 'scripts/packages', name), ...args]);
}

function packed(name: string): Packed {
  const found = tarballs.find((one) => one.name === name);
  if (found === undefined) throw new Error(`${name} was not packed`);
  return found;
}

describe.each(NAMES)('%s, packed', (name) => {
  it('holds what is declared and nothing else', async () => {
    // With a violation it ends with 1, and the error shows them.
    expect((await script('check-tarball.mjs', packed(name).tarball)).stdout).toBe('');
  });

  it('is clean for publint and for attw', async () => {
    const { tarball } = packed(name);
    const tool = (file: string, ...args: string[]): Promise<{ stdout: string }> =>
      run(process.execPath, [join(ROOT, 'node_modules', file), ...args]);
    const publint = await tool('publint/src/cli.js', 'run', tarball, '--strict');
    expect(publint.stdout).toContain('All good!');
    const attw = await tool(
      '@arethetypeswrong/cli/dist/index.js',
      tarball,
      '--profile',
      'esm-only',
      '--format',
      'json',
    );
    const { analysis } = JSON.parse(attw.stdout) as { analysis: { problems: { resolutionKind: string }[] } };
    // As the profile says: nobody resolves like Node 10, and a `require` gets the module itself.
    const modern = analysis.problems.filter(
      ({ resolutionKind }) => !/^node10$|^node16-cjs$/.test(resolutionKind),
    );
    expect(modern).toEqual([]);
  });
});

it('every public package has a program that is run', () => {
  expect(NAMES.filter((name) => !PROGRAMS.some((program) => program.package === name))).toEqual([]);
});

describe.each(PROGRAMS.map((program) => [titleOf(program), program] as const))(
  '%s, installed',
  (_, program) => {
    let project: EmptyProject;
    beforeAll(async () => {
      project = await EmptyProject.with(program.package, tarballs, program.besides);
    });
    afterAll(() => project?.remove());

    it('compiles strictly as node16 and nodenext, and runs', async () => {
      const text = await onFreePorts(program.text ?? exampleOf(project, program.package));
      for (const module of ['node16', 'nodenext'] as const) {
        const file = await project.compile('program', text, module);
        // The second run finds what the first one wrote; each is given a place of its own.
        rmSync(join(project.directory, 'data'), { recursive: true, force: true });
        rmSync(join(project.directory, 'orders'), { recursive: true, force: true });
        const printed = await project.run(process.execPath, [file]);
        if (program.prints === '') expect(printed).not.toBe('');
        else expect(printed.endsWith(program.prints) ? program.prints : printed).toBe(program.prints);
      }
    });

    it('is the same to plain JavaScript, by import and by require', async () => {
      const { exports } = JSON.parse(project.read(`node_modules/${program.package}/package.json`)) as {
        exports: Record<string, unknown>;
      };
      const entries = Object.keys(exports)
        .map((entry) => program.package + entry.slice(1))
        .filter((entry) => !entry.endsWith('/prometheus') || program.besides?.includes('prom-client'));
      project.write(
        'plain.mjs',
        `import { createRequire } from 'node:module';
for (const entry of ${JSON.stringify(entries)}) {
  const names = Object.keys(await import(entry)).sort();
  const required = Object.keys(createRequire(import.meta.url)(entry)).sort();
  console.log(entry, names.length > 0 && names.every((name) => required.includes(name)));
}\n`,
      );
      expect(await project.run(process.execPath, ['--no-warnings', 'plain.mjs'])).toBe(
        entries.map((entry) => `${entry} true\n`).join(''),
      );
    });
  },
);

describe('waldb, installed as a command', () => {
  let project: EmptyProject;
  beforeAll(async () => {
    project = await EmptyProject.with('waldb', tarballs);
  });
  afterAll(() => project?.remove());

  const byNpx = () => ({ cwd: project.directory, command: ['npx', '--no-install', 'waldb'] as const });
  /** What npx starts, without npx: it ends by a signal and leaves behind what it has started. */
  const directly = () => ({
    cwd: project.directory,
    command: [process.execPath, 'node_modules/waldb/dist/main.js'] as const,
  });

  it('tells its version', async () => {
    const { exitCode, stdout } = await runWaldb(['--version'], {}, byNpx());
    expect([exitCode, stdout]).toEqual([
      0,
      `${JSON.parse(project.read('node_modules/waldb/package.json')).version}\n`,
    ]);
  });

  it('runs a cluster that keeps what it is told, shows its status, and ends by a signal', async () => {
    const port = await freePorts(3);
    const cluster = new ClusterProcess({ directory: makeDirectory(), port, installed: directly() });
    const { leader } = await cluster.allReady();
    const client = new Redis({ host: '127.0.0.1', port: port + leader - 1 });
    expect(await client.set('greeting', 'hello')).toBe('OK');
    expect(await client.get('greeting')).toBe('hello');
    client.disconnect();
    const status = await runWaldb(['status', '--json', '--server', `127.0.0.1:${port + 200}`], {}, byNpx());
    expect(JSON.parse(status.stdout)).toMatchObject({ isServing: true, leader });
    cluster.signal('SIGTERM');
    await cluster.ended();
  });
});

function titleOf({ package: name, besides = [] }: Program): string {
  return [name, ...besides].join(' and ');
}

/** Addresses of the loopback in an example are of a reader's machine; here somebody else may have them. */
async function onFreePorts(text: string): Promise<string> {
  let changed = text;
  for (const address of new Set(text.match(/127\.0\.0\.1:\d+/g)))
    changed = changed.replaceAll(address, `127.0.0.1:${await freePorts(1)}`);
  return changed;
}

// The examples are on the pages as they are, and they run. (What else the pages say: test/pages.)

import { execFile, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { allPages } from './pages/markdown.js';
import { freePort } from './support/free-port.js';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const WAIT = { timeout: 30_000 };
/** Where copies of the examples find the same packages, out of git's sight. */
const SCRATCH = join(ROOT, 'examples/node_modules/.scratch');

/** Those that end by themselves, with what each run prints on the same directory. */
const EXAMPLES = [
  { name: 'counter', outputs: ['total 5\n', 'total 10\n'] },
  { name: 'own-driver', outputs: ['2 x = 1\n', '2 x = 1\n4 x = 1\n'] },
  {
    name: 'streamed-state',
    outputs: [
      'restored 0 accounts\naccount-0 has 6\n',
      // Everything is in the snapshot but the last command, which the log still has.
      'restored 1000 accounts\naccount-0 has 12\n',
    ],
  },
  {
    name: 'grow',
    outputs: ['with 1 server: a\nwith 3 servers: ab\nwith 2 servers: abc\n'],
  },
];

describe('examples', () => {
  it.each([...EXAMPLES, { name: 'http-store' }, { name: 'simulate' }])(
    '$name is on a page as it is',
    ({ name }) => {
      const shown = `\`\`\`ts\n${readFileSync(join(ROOT, `examples/${name}.ts`), 'utf8')}\`\`\``;
      expect(allPages().some((page) => page.text.includes(shown))).toBe(true);
    },
  );

  it('simulate finds the state machine that looks at a clock, and says where', async () => {
    const output = await run(join(ROOT, 'examples/simulate.ts'), ROOT);
    expect(output).toMatch(
      /^right: 3 runs, every rule holds\nwrong: Seed \d+ broke the rule replicated-machines: /,
    );
    expect(output).toMatch(/differ in their (result|state) at index \d+: .* after the command "coupon-\d+"/);
  });

  it.each(EXAMPLES)('$name runs, and finds what it wrote when it runs again', async ({ name, outputs }) => {
    const cwd = await mkdtemp(join(tmpdir(), 'waldb-example-'));
    const file = await onFreePorts(name);
    try {
      for (const output of outputs) expect(await run(file, cwd)).toBe(output);
    } finally {
      await rm(cwd, { recursive: true, force: true });
      await rm(file, { force: true });
    }
  });

  it('http-store answers on every server, sends writes to the leader, and keeps them', async () => {
    const cwd = await mkdtemp(join(tmpdir(), 'waldb-example-'));
    const file = await onFreePorts('http-store');
    const clients = [...readFileSync(file, 'utf8').matchAll(/,(127\.0\.0\.1:\d+)/g)].map(
      ([, address = '']) => address,
    );
    expect(clients).toHaveLength(3);
    try {
      await whileRunning(file, cwd, async () => {
        for (const [i, address] of clients.entries()) {
          await expect.poll(() => put(`http://${address}/key-${i}`, `value ${i}`), WAIT).toBe(204);
          // Linearizable: any other server shows it at once.
          const other = clients[(i + 1) % clients.length];
          expect(await (await fetch(`http://${other}/key-${i}`)).text()).toBe(`value ${i}`);
        }
        expect((await fetch(`http://${clients[0]}/nothing`)).status).toBe(404);
        // Two know who leads, and send the client there with what it asked for.
        const answers = () => Promise.all(clients.map((address) => putWithoutFollowing(address)));
        await expect
          .poll(async () => (await answers()).sort(), WAIT)
          .toEqual(['204 null', ...[0, 1].map(() => expect.stringMatching(/^307 http:.*\/another$/))]);
      });
      await whileRunning(file, cwd, async () => {
        await expect.poll(async () => (await fetch(`http://${clients[0]}/key-2`)).status, WAIT).toBe(200);
        expect(await (await fetch(`http://${clients[0]}/key-2`)).text()).toBe('value 2');
      });
    } finally {
      await rm(cwd, { recursive: true, force: true });
      await rm(file, { force: true });
    }
  });
});

/** A copy of the example that listens where nobody else does. */
async function onFreePorts(name: string): Promise<string> {
  let text = readFileSync(join(ROOT, `examples/${name}.ts`), 'utf8');
  for (const [address] of text.matchAll(/127\.0\.0\.1:\d+/g)) {
    text = text.replace(address, `127.0.0.1:${await freePort()}`);
  }
  const file = join(SCRATCH, `${name}-${process.pid}.mts`);
  await mkdir(SCRATCH, { recursive: true });
  await writeFile(file, text);
  return file;
}

async function put(url: string, body: string): Promise<number> {
  return (await fetch(url, { method: 'PUT', body })).status;
}

async function putWithoutFollowing(address: string): Promise<string> {
  const url = `http://${address}/another`;
  const { status, headers } = await fetch(url, { method: 'PUT', body: 'x', redirect: 'manual' });
  return `${status} ${headers.get('location')}`;
}

/** Runs the example until `act` has ended. */
async function whileRunning(file: string, cwd: string, act: () => Promise<void>): Promise<void> {
  const child = spawn(process.execPath, argumentsFor(file), { cwd, stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((resolve) => child.on('exit', resolve));
  try {
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve());
      child.once('exit', (code) => reject(new Error(`${file} ended with ${code}`)));
    });
    await act();
  } finally {
    child.kill('SIGKILL');
    await ended;
  }
}

function argumentsFor(file: string): string[] {
  return ['--conditions=@waldb/source', '--import', import.meta.resolve('tsx'), file];
}

function run(file: string, cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, argumentsFor(file), { cwd, timeout: 240_000 }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${file}: ${error.message}\n${stderr}`));
      else resolve(stdout);
    });
  });
}

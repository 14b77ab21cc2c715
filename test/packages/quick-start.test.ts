// The quick start for whoever embeds: what it says to type is typed, outside of the repository, as it stands on the page.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { commandsIn } from '../pages/commands.js';
import { type Block, ROOT, readPage } from '../pages/markdown.js';
import { freePort } from '../support/free-port.js';

const PAGE = 'docs/quick-start-embed.md';
const COMMAND_MS = 600_000;
const READY_MS = 120_000;

const directory = mkdtempSync(join(tmpdir(), 'waldb-quick-start-'));
let ended: Promise<unknown> | undefined;
let end: () => void = () => undefined;
afterEach(async () => {
  end();
  await ended;
  rmSync(directory, { recursive: true, force: true });
});

function at(anchor: string, info: string): Block[] {
  return readPage(PAGE).blocks.filter((block) => block.anchor === anchor && block.info === info);
}

/** As a shell carries it out; its stdout. */
function type(command: string, cwd: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], {
    cwd,
    encoding: 'utf8',
    timeout: COMMAND_MS,
  });
  if (status !== 0) throw new Error(`${command}\nended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

describe('the quick start for whoever embeds', () => {
  it('is typed from its first command to its last, and gives what it says', async () => {
    const cwd = makeProject();
    const [program] = at('2-three-servers', 'ts') as [Block];
    const ports = await freePorts(program.text);
    writeFileSync(join(cwd, 'server.ts'), onPorts(program.text, ports));

    const [start, ask] = at('3-run-it', 'sh') as [Block, Block];
    const [run = ''] = commandsIn(start);
    await started(run, cwd);
    const [put = '', get = ''] = commandsIn(ask).map((command) => onPorts(command, ports));
    // The leader is elected while the first one asks: as the page has it, it is asked again.
    await expect
      .poll(() => type(`${put} -s -o answer -w '%{http_code}'`, cwd), { timeout: READY_MS })
      .toBe('204');
    expect(type(`${get} -s`, cwd)).toBe('hello');
    end();
    await ended;
    await started(run, cwd);
    await expect.poll(() => type(`${get} -s`, cwd), { timeout: READY_MS }).toBe('hello');
  });
});

/** The first block: `cd` is what a shell would do, and what lies above the clone lies in a directory of ours. */
function makeProject(): string {
  let cwd = ROOT;
  const [first] = at('1-a-project', 'sh') as [Block];
  for (const command of commandsIn(first)) {
    const here = command.replaceAll(/\.\.\/(?=[\w-])/g, `${directory}/`);
    if (here.startsWith('cd ')) cwd = here.slice(3);
    else if (here.startsWith('mkdir ')) mkdirSync(here.slice(6));
    else type(here, cwd);
  }
  expect(basename(cwd)).toBe('guests');
  return cwd;
}

function started(command: string, cwd: string): Promise<void> {
  // A group of its own, as a terminal gives it: Ctrl-C reaches npx and what it has started.
  const child = spawn('sh', ['-c', command], { cwd, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  ended = new Promise((resolve) => child.on('close', resolve));
  end = () => {
    if (child.exitCode === null && child.pid !== undefined) process.kill(-child.pid, 'SIGINT');
  };
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`no "ready" from ${command}:\n${output}`)), READY_MS);
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (text) => {
        output += text;
        if (!output.includes('ready')) return;
        clearTimeout(timer);
        resolve();
      });
    }
    child.on('close', () => reject(new Error(`${command} has ended:\n${output}`)));
  });
}

async function freePorts(text: string): Promise<Map<string, string>> {
  const ports = new Map<string, string>();
  for (const [port] of text.matchAll(/(?<=127\.0\.0\.1:)\d+/g)) ports.set(port, String(await freePort()));
  return ports;
}

function onPorts(text: string, ports: ReadonlyMap<string, string>): string {
  return text.replaceAll(/(?<=(?:127\.0\.0\.1|localhost):)\d+/g, (port) => ports.get(port) ?? port);
}

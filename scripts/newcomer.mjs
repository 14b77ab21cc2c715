// Does what the README tells a newcomer to do, and checks what it promises: `node scripts/newcomer.mjs [--keep]`.
//
// In an empty directory, with an empty home, from a clone of this checkout's HEAD. The commands are the README's own, taken
// out of its blocks, so that page and walk cannot part; only ports are changed, because somebody may use those of the
// README. A command for which nothing is expected here ends the walk: whatever the README tells people to type is carried out.
// Uses nothing but Node, git, npm and what the README asks for. Without redis-cli it speaks the protocol itself.

import { execFileSync, spawn } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createConnection, createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..');
const SECTIONS = ['Try it', 'In your own process'];
/** Installing and building, on a slow machine with a slow network. */
const READY_MS_MAX = 900_000;

const began = Date.now();
const walk = mkdtempSync(join(tmpdir(), 'waldb-newcomer-'));
const clone = join(walk, 'waldb');
const base = await freePorts();
const env = environment();
const started = [];

async function main() {
  try {
    execFileSync('git', ['clone', '--quiet', ROOT, clone], { stdio: 'inherit' });
    onOwnPorts();
    await carryOut(commandsOf(readFileSync(join(clone, 'README.md'), 'utf8')));
    say('The README keeps its promises.');
  } catch (error) {
    say(`FAILED: ${error.message}`);
    process.exitCode = 1;
  } finally {
    for (const cluster of started) await cluster.stop('SIGTERM');
    if (process.argv.includes('--keep')) say(`kept: ${walk}`);
    else rmSync(walk, { recursive: true, force: true });
  }
}

/** Each command of the README in its turn; behind those that promise more, what they promise. */
async function carryOut(commands) {
  let cluster;
  for (const command of commands) {
    say(`$ ${command}`);
    if (command === 'npm start') {
      cluster = new Cluster();
      await cluster.ready(({ pids }) => pids.size === 3);
    } else if (command.startsWith('redis-cli ')) {
      expectEqual(await redis(command), command.includes(' set ') ? 'OK' : 'hello');
    } else if (command === 'npm run -s waldb -- status') {
      const told = execute(`${command} --server 127.0.0.1:${base + 200}`);
      if (!told.includes('3 of 3 voters reached')) throw new Error(`status says:\n${told}`);
      cluster = await killAndRestart(cluster, commands);
      await cluster.stop('SIGINT');
      if (!execute('npm start -- --help').includes('--directory')) throw new Error('no help');
    } else if (command.endsWith('examples/counter.ts')) {
      expectEqual(execute(command), 'total 5');
      expectEqual(execute(command), 'total 10');
    } else {
      throw new Error('the walk does not know what to expect of this');
    }
  }
  expectEqual(commands.length, 5);
}

/** "Kill one: the other two go on, and it is started again. Stop everything and start again: whatever was answered is there." */
async function killAndRestart(cluster, commands) {
  const get = commands.find((command) => command.includes(' get '));
  const { leader, pids } = cluster.last;
  const victim = pids.get(leader);
  say(`kill ${victim}, the leader`);
  process.kill(victim, 'SIGKILL');
  await cluster.ready((now) => now.leader !== leader);
  const survivor = [...pids.keys()].find((id) => id !== leader);
  expectEqual(await redis(get.replace(/-p 71\d\d/, `-p ${7100 + survivor}`)), 'hello');
  await cluster.ready((now) => now.pids.size === 3 && now.pids.get(leader) !== victim);
  say('another one leads, and the killed one is back');
  await cluster.stop('SIGINT');
  const again = new Cluster();
  await again.ready(({ pids: all }) => all.size === 3);
  expectEqual(await redis(get), 'hello');
  say('stopped, started again, and all is there');
  return again;
}

/** What `npm start` runs, told by what it prints. */
class Cluster {
  last;
  #output = '';
  #wake = () => undefined;
  #child;
  #ended;

  constructor() {
    started.push(this);
    // A process group of its own, as a terminal gives it: Ctrl-C reaches all of it.
    this.#child = spawn('npm', ['start'], {
      cwd: clone,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let line = '';
    const hear = (text) => {
      this.#output += text;
      line += text;
      const lines = line.split('\n');
      line = lines.pop();
      for (const one of lines) this.#read(one);
      this.#wake();
    };
    this.#child.stdout.on('data', hear);
    this.#child.stderr.on('data', (text) => {
      this.#output += text;
    });
    this.#ended = new Promise((resolve) => {
      this.#child.on('exit', (code) => {
        resolve(code);
        this.isEnded = true;
        this.#wake();
      });
    });
  }

  #read(line) {
    const [, leader, pids] = /^ready leader=(\d+) pids=([\d:,]+)$/.exec(line) ?? [];
    if (leader === undefined) return;
    this.last = {
      leader: Number(leader),
      pids: new Map(pids.split(',').map((pair) => pair.split(':').map(Number))),
    };
  }

  /** Waits for a `ready` line that is as wanted. */
  async ready(isWanted) {
    const deadline = Date.now() + READY_MS_MAX;
    while (!(this.last !== undefined && isWanted(this.last))) {
      if (this.isEnded || Date.now() > deadline) throw new Error(`no such ready line:\n${this.#output}`);
      await new Promise((resolve) => {
        this.#wake = resolve;
        setTimeout(resolve, 1000);
      });
    }
  }

  async stop(signal) {
    if (this.isEnded) return;
    process.kill(-this.#child.pid, signal);
    await this.#ended;
  }
}

/** The lines of the sh blocks of the sections that a newcomer reads first. */
function commandsOf(readme) {
  return SECTIONS.flatMap((heading) => {
    const section = readme.split(/^## /m).find((part) => part.startsWith(`${heading}\n`)) ?? '';
    const blocks = [...section.matchAll(/^```sh\n([\s\S]*?)^```/gm)].map(([, text]) => text);
    return blocks.flatMap((text) =>
      text
        .split('\n')
        .map((line) => line.replace(/ +#.*/, ''))
        .filter(Boolean),
    );
  });
}

function execute(command) {
  return execFileSync(command, { cwd: clone, env, shell: true, encoding: 'utf8' }).trim();
}

async function redis(command) {
  const here = command.replace(/-p 71(\d\d)/, (_, nth) => `-p ${base + Number(nth) - 1}`);
  if (commandExists('redis-cli')) return execute(here);
  const [, port, words] = /-p (\d+) (.*)/.exec(here);
  return ask(Number(port), words.split(' '));
}

function commandExists(name) {
  return (process.env.PATH ?? '').split(':').some((folder) => existsSync(join(folder, name)));
}

/** One command over RESP, to whoever leads. */
function ask(port, words) {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port }, () =>
      socket.write(`${words.join(' ')}\r\n`),
    );
    socket.on('error', reject);
    socket.once('data', (data) => {
      socket.end();
      const [first, second] = data.toString().split('\r\n');
      const [, there] = /^-MOVED \d+ .*:(\d+)$/.exec(first) ?? [];
      if (there === undefined) resolve(first.startsWith('$') ? second : first.slice(1));
      else resolve(ask(Number(there), words));
    });
  });
}

/** Nothing of whoever runs this but the way to programs and to a registry. */
function environment() {
  const home = join(walk, 'home');
  mkdirSync(home);
  const kept = Object.entries(process.env).filter(([name]) =>
    /^(PATH|LANG|TERM|https?_proxy|no_proxy|npm_config_(registry|nodedir|userconfig))$/i.test(name),
  );
  const npmrc = join(homedir(), '.npmrc');
  return {
    ...(existsSync(npmrc) ? { npm_config_userconfig: npmrc } : {}),
    ...Object.fromEntries(kept),
    HOME: home,
    NO_COLOR: '1',
    WALDB_PORT: String(base),
  };
}

/** The examples have their ports in them. */
function onOwnPorts() {
  const folder = join(clone, 'examples');
  for (const name of readdirSync(folder).filter((file) => file.endsWith('.ts'))) {
    const file = join(folder, name);
    const text = readFileSync(file, 'utf8');
    writeFileSync(
      file,
      text.replaceAll(/127\.0\.0\.1:7(\d{3})/g, (_, rest) => `127.0.0.1:${base + 1000 + Number(rest)}`),
    );
  }
}

/** A port that is free, with two after it, and the same a hundred and two hundred above. */
async function freePorts() {
  for (;;) {
    const first = 12_000 + Math.floor(Math.random() * 16_000);
    const wanted = [0, 100, 200].flatMap((from) => [0, 1, 2].map((nth) => first + from + nth));
    if ((await Promise.all([...wanted, first + 1401].map(isFree))).every(Boolean)) return first;
  }
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)));
  });
}

function expectEqual(found, expected) {
  if (found !== expected)
    throw new Error(`expected ${JSON.stringify(expected)}, and it is ${JSON.stringify(found)}`);
  say(`  ${found}`);
}

function say(text) {
  console.log(`${((Date.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`);
}

await main();

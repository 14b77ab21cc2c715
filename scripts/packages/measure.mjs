// How large an installed `waldb` is, and how fast it starts: `npm run bench:install` packs it, installs it by npm in an empty
// project, and writes bench/results/install.md. `--beside DIR` measures another installation in turns with it, a project
// in DIR with a node_modules of its own.

import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { cpus, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packAll } from './pack.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const ROUNDS = 11;
const RESULT = join(ROOT, 'bench/results/install.md');
const COMMANDS = [
  ['--version'],
  ['--help'],
  ['status', '--help'],
  ['config', '--explain', 'port'],
  ['serve', '--help'],
];

const besideAt = process.argv.indexOf('--beside');
const beside = besideAt === -1 ? undefined : resolve(process.argv[besideAt + 1] ?? '');
const work = mkdtempSync(join(tmpdir(), 'waldb-measure-'));
try {
  const project = install(packAll(join(work, 'tarballs')));
  const size = sizeOf(join(project, 'node_modules'));
  const projects = { waldb: project, ...(beside && { beside }) };
  const times = await measure(projects);
  writeFileSync(RESULT, report(size, times));
  process.stdout.write(readFileSync(RESULT, 'utf8'));
} finally {
  rmSync(work, { recursive: true, force: true });
}

function install(tarballs) {
  const project = join(work, 'project');
  const file = ({ tarball }) => `file:${tarball}`;
  const own = tarballs.find(({ name }) => name === 'waldb');
  const others = tarballs.filter((one) => one !== own);
  execFileSync('mkdir', ['-p', project]);
  writeFileSync(
    join(project, 'package.json'),
    JSON.stringify({
      ...{ name: 'empty-project', private: true },
      dependencies: { waldb: file(own) },
      overrides: Object.fromEntries(others.map((one) => [one.name, file(one)])),
    }),
  );
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline'], {
    cwd: project,
    stdio: 'inherit',
  });
  return project;
}

/** Of all files, and how many packages; ours apart. */
function sizeOf(modules) {
  const packages = [];
  const visit = (folder) => {
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      if (name.startsWith('.')) continue;
      if (name.startsWith('@')) visit(path);
      else if (existsSync(join(path, 'package.json'))) {
        packages.push({ path, bytes: bytesIn(path) });
        if (existsSync(join(path, 'node_modules'))) visit(join(path, 'node_modules'));
      }
    }
  };
  visit(modules);
  const total = bytesIn(modules);
  const ours = packages.filter(({ path }) => /[/\\](?:@waldb[/\\][^/\\]+|waldb)$/.test(path));
  return {
    packages: packages.length,
    total,
    ours: ours.length,
    oursBytes: ours.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function bytesIn(folder) {
  return readdirSync(folder, { recursive: true })
    .map((path) => statSync(join(folder, path)))
    .reduce((sum, stat) => sum + (stat.isFile() ? stat.size : 0), 0);
}

/** Interleaved, so that a machine that is slow for a while is slow for all of them. */
async function measure(projects) {
  const times = new Map();
  const note = (what, milliseconds) => times.set(what, [...(times.get(what) ?? []), milliseconds]);
  for (let round = 0; round < ROUNDS; round++) {
    note('node -e 0', timeOf(['-e', '0']));
    for (const [name, project] of Object.entries(projects)) {
      const main = join(project, 'node_modules/waldb/dist/main.js');
      for (const command of COMMANDS) note(`${name} ${command.join(' ')}`, timeOf([main, ...command]));
      note(`${name} serve, until it takes clients`, await timeToServe(main));
    }
  }
  return times;
}

function timeOf(args) {
  const began = performance.now();
  const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' });
  if (status !== 0) throw new Error(`${args.join(' ')} ended with ${status}`);
  return performance.now() - began;
}

/** From nothing to the line that says so: an empty directory, the file lock, the log, an election of one. */
async function timeToServe(main) {
  const directory = mkdtempSync(join(work, 'data-'));
  const [port, peer] = [await freePort(), await freePort()];
  const args = [
    main,
    'serve',
    '--directory',
    directory,
    '--port',
    String(port),
    '--peer-listen',
    `127.0.0.1:${peer}`,
  ];
  const began = performance.now();
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const ended = new Promise((done) => child.once('exit', done));
  await Promise.race([
    new Promise((done) => child.stdout.once('data', done)),
    ended.then((code) => Promise.reject(new Error(`serve ended with ${code}`))),
  ]);
  const took = performance.now() - began;
  child.kill('SIGTERM');
  await ended;
  rmSync(directory, { recursive: true, force: true });
  return took;
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

function report({ packages, total, ours, oursBytes }, times) {
  const mebibytes = (bytes) => (bytes / 1024 / 1024).toFixed(1);
  const rows = [...times].map(([what, all]) => {
    const sorted = all.toSorted((a, b) => a - b);
    const at = (share) => sorted[Math.floor((sorted.length - 1) * share)].toFixed(0);
    return `| \`${what.replace(/,.*/, '')}\`${/,.*/.exec(what)?.[0] ?? ''} | ${at(0)} | ${at(0.5)} | ${at(0.9)} |`;
  });
  const besides = beside
    ? '\n`beside` is an earlier version of the same packages, installed and measured in turns with it.\n'
    : '';
  return `# Installed size and start

Made by \`npm run bench:install\`, ${ROUNDS} rounds in turns, on ${cpus().length} x ${cpus()[0].model.trim()}, Node ${process.versions.node}.

\`npm install waldb\` in an empty project: ${packages} packages, ${mebibytes(total)} MiB of files, of which ${ours} packages and
${mebibytes(oursBytes)} MiB are waldb's own (a good half of that are sources, source maps and declarations).
${besides}
| milliseconds | fastest | median | p90 |
| --- | ---: | ---: | ---: |
${rows.join('\n')}

A bare \`node -e 0\` is in each of them.
`;
}

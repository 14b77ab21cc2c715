// Sets a fresh clone up and runs one task: `npm start [-- options]` or `npm test [-- vitest options]`.
// Uses nothing but Node itself, because it runs before anything is installed.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MIN = [20, 19];
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** How often to look whether npm is still there. */
const PARENT_CHECK_MS = 500;

const COMPILING_HINT =
  '\nThe file lock (fs-ext) could not be compiled. It needs python3, make, g++ and the headers of this Node, which are' +
  '\nfetched from nodejs.org where the installation has none; npm_config_nodedir can name a folder that has include/node.';

const TASKS = {
  start: (args) => {
    run('Building', [process.execPath, 'node_modules/typescript/bin/tsc', '-b', 'packages/cli']);
    run('Building the dashboard', [process.execPath, 'packages/cli/page/build.mjs', '--if-stale']);
    hand(
      [process.execPath, join(root, 'packages/cli/dist/main.js'), 'cluster', ...args],
      process.env.INIT_CWD,
    );
  },
  test: (args) => hand([process.execPath, 'node_modules/vitest/vitest.mjs', 'run', ...args]),
};

const [task, ...args] = process.argv.slice(2);
if (!Object.hasOwn(TASKS, task ?? ''))
  fail(`usage: node scripts/run.mjs <${Object.keys(TASKS).join('|')}> [options]`);
checkNode();
checkLock();
install();
TASKS[task](args);

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  fail(`waldb needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}.`);
}

/** The file lock (fs-ext) is compiled on the first install, or one of two programs takes it (packages/io/src/flock.ts). */
function checkLock() {
  if (existsSync(join(root, 'packages/io/node_modules/fs-ext/build/Release'))) return;
  if (['flock', 'perl'].some(isCommand)) return;
  const missing = [['python3', 'python'], ['make'], ['g++', 'c++', 'clang++']]
    .filter((names) => !names.some(isCommand))
    .map((names) => names[0]);
  if (missing.length === 0 || process.platform === 'win32') return;
  fail(
    `waldb locks its files by fs-ext, flock or perl. None of them is here, and these tools to compile fs-ext are missing: ${missing.join(', ')}.\n` +
      'Debian and Ubuntu: apt-get install python3 make g++     macOS: xcode-select --install',
  );
}

function isCommand(name) {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** The pnpm that package.json names, through npx: nothing has to be installed globally. */
function install() {
  useHeadersOfThisNode();
  const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx';
  run('Installing', [
    npx,
    '--yes',
    manifest.packageManager,
    'install',
    '--frozen-lockfile',
    '--prefer-offline',
  ]);
}

/** Compiling needs Node's headers. Most installations bring them along; then nothing is fetched from nodejs.org. */
function useHeadersOfThisNode() {
  if (process.env.npm_config_nodedir !== undefined) return;
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const header = join(prefix, 'include/node/node_version.h');
  if (!existsSync(header)) return;
  const text = readFileSync(header, 'utf8');
  const version = ['MAJOR', 'MINOR', 'PATCH'].map(
    (part) => text.match(new RegExp(`define NODE_${part}_VERSION (\\d+)`))?.[1],
  );
  if (version.join('.') === process.versions.node) process.env.npm_config_nodedir = prefix;
}

/** Runs a preparing command quietly; its output is shown only when it fails. */
function run(what, [command, ...commandArgs]) {
  const began = Date.now();
  process.stderr.write(`${what} ... `);
  const result = spawnSync(command, commandArgs, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 << 20,
    shell: command.endsWith('.cmd'),
  });
  if (result.status === 0) {
    process.stderr.write(`done in ${((Date.now() - began) / 1000).toFixed(1)} s\n`);
    return;
  }
  process.stderr.write('failed\n');
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}`;
  fail(`${output}${what} failed.${output.includes('gyp ERR!') ? COMPILING_HINT : ''}`);
}

/** Hands the terminal over to the task; signals reach it, and its exit code becomes ours. */
function hand([command, ...commandArgs], cwd = root) {
  const child = spawn(command, commandArgs, { cwd, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  // A signal to npm ends npm and the shell that it put between us, and goes no further: their end is our signal.
  const parent = process.ppid;
  if (process.env.npm_lifecycle_event !== undefined)
    setInterval(() => process.ppid !== parent && child.kill('SIGTERM'), PARENT_CHECK_MS).unref();
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + 15 : (code ?? 1)));
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

// Sets a fresh clone up and runs one task: `npm start [-- options]` or `npm test [-- vitest options]`.
// Uses nothing but Node itself, because it runs before anything is installed.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_MIN = [20, 19];
const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

const TASKS = {
  start: (args) => {
    run('Building', [process.execPath, 'node_modules/typescript/bin/tsc', '-b']);
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
checkCompiler();
install();
TASKS[task](args);

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > NODE_MIN[0] || (major === NODE_MIN[0] && minor >= NODE_MIN[1])) return;
  fail(`waldb needs Node ${NODE_MIN.join('.')} or newer; this is ${process.versions.node}.`);
}

/** The lock of the log (fs-ext) is compiled on the first install; say so before npm prints a page of errors. */
function checkCompiler() {
  if (existsSync(join(root, 'packages/io/node_modules/fs-ext/build/Release'))) return;
  const missing = [['python3', 'python'], ['make'], ['g++', 'c++', 'clang++']]
    .filter((names) => !names.some(isCommand))
    .map((names) => names[0]);
  if (missing.length === 0 || process.platform === 'win32') return;
  fail(
    `waldb compiles its file lock (fs-ext) once, and these tools are missing: ${missing.join(', ')}.\n` +
      'Debian and Ubuntu: apt-get install python3 make g++     macOS: xcode-select --install',
  );
}

function isCommand(name) {
  return spawnSync(name, ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** The pnpm that package.json names, through npx: nothing has to be installed globally. */
function install() {
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
  fail(
    `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}${what} failed.`,
  );
}

/** Hands the terminal over to the task; signals reach it, and its exit code becomes ours. */
function hand([command, ...commandArgs], cwd = root) {
  const child = spawn(command, commandArgs, { cwd, stdio: 'inherit' });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => fail(error.message));
  child.on('exit', (code, signal) => process.exit(signal ? 128 + 15 : (code ?? 1)));
}

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

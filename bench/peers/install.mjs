// Installs the stores that the log is measured beside, once, in a folder of their own: better-sqlite3 is compiled where no
// ready-made binary can be had, which takes a minute, and nobody who runs the tests should wait for that.
// Uses nothing but Node itself.

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const here = dirname(fileURLToPath(import.meta.url));
const manifest = JSON.parse(readFileSync(join(here, 'package.json'), 'utf8'));
const { packageManager } = JSON.parse(readFileSync(join(here, '../../package.json'), 'utf8'));

const missing = Object.entries(manifest.dependencies).filter(
  ([name, version]) => !isInstalled(name, version),
);
if (missing.length > 0) install(missing.map(([name]) => name));

function isInstalled(name, version) {
  const path = join(here, 'node_modules', name, 'package.json');
  return existsSync(path) && JSON.parse(readFileSync(path, 'utf8')).version === version;
}

function install(names) {
  process.stderr.write(`Installing ${names.join(', ')} into bench/peers (a minute or two, once) ...\n`);
  const npx = process.platform === 'win32' ? 'npx.cmd' : 'npx';
  const result = spawnSync(
    npx,
    ['--yes', packageManager, 'install', '--frozen-lockfile', '--prefer-offline'],
    {
      cwd: here,
      encoding: 'utf8',
      maxBuffer: 64 << 20,
      shell: npx.endsWith('.cmd'),
      env: { ...process.env, ...headersOfThisNode() },
    },
  );
  if (result.status === 0) return;
  process.stderr.write(
    `${result.stdout ?? ''}${result.stderr ?? ''}${result.error ? `${result.error.message}\n` : ''}`,
  );
  process.stderr.write(
    'The other stores could not be installed; better-sqlite3 may need python3, make and g++. `pnpm bench` runs without them.\n',
  );
  process.exit(1);
}

/** Compiling needs Node's headers. Most installations bring them along. */
function headersOfThisNode() {
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  const isThere = existsSync(join(prefix, 'include/node/node_version.h'));
  return isThere && process.env.npm_config_nodedir === undefined ? { npm_config_nodedir: prefix } : {};
}

// Packs every public package as it would be published: `node scripts/packages/pack.mjs [destination]`, and tells of each one its
// name, folder, version and tarball, as one JSON array. Compiles what has changed; a file whose source is no more is found
// by check-tarball.mjs. Uses nothing but Node, the compiler, and the pnpm that package.json names, which turns the ranges of
// the workspace into versions.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The packages that are published: folder and manifest, by name. */
function publicPackages() {
  return readdirSync(join(ROOT, 'packages'))
    .map((folder) => ({ folder, manifest: readManifest('packages', folder) }))
    .filter(({ manifest }) => manifest.private !== true)
    .map(({ folder, manifest }) => ({ folder, manifest, name: manifest.name }));
}

/** Packs all of them. Gives each one's name and the path of its tarball, the packages below before those above. */
export function packAll(destination) {
  mkdirSync(destination, { recursive: true });
  const packages = publicPackages();
  run(process.execPath, ['node_modules/typescript/bin/tsc', '-b']);
  run(process.execPath, ['packages/cli/page/build.mjs']);
  const { packageManager } = readManifest();
  run('npx', [
    '--yes',
    packageManager,
    '-r',
    '--filter',
    './packages/*',
    'pack',
    '--pack-destination',
    destination,
  ]);
  return inOrder(packages).map(({ name, folder, manifest }) => ({
    name,
    folder,
    version: manifest.version,
    tarball: join(destination, `${name.replace('@', '').replace('/', '-')}-${manifest.version}.tgz`),
  }));
}

/** So that whoever is published finds those it needs. */
function inOrder(packages) {
  const sorted = [];
  const add = (one) => {
    if (sorted.includes(one)) return;
    for (const other of packages) if (one.manifest.dependencies?.[other.name] !== undefined) add(other);
    sorted.push(one);
  };
  packages.forEach(add);
  return sorted;
}

function run(command, args) {
  execFileSync(command, args, {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: process.platform === 'win32',
  });
}

function readManifest(...path) {
  return JSON.parse(readFileSync(join(ROOT, ...path, 'package.json'), 'utf8'));
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(JSON.stringify(packAll(resolve(process.argv[2] ?? 'tarballs'))));
}

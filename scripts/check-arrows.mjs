// Checks that the packages depend on each other the way ARCHITECTURE.md draws it: `node scripts/check-arrows.mjs [root]`.
// Prints one line per violation and exits 1 when there is any. Uses nothing but Node itself.
//
// What it holds together, for every package:
//   1. what src imports       is allowed by the table below
//   2. package.json           declares exactly what src imports, as a dependency or a peer
//   3. tsconfig.json          references exactly the workspace packages that src imports
//   4. a relative import      stays inside the package; another package is entered by its name, or by what it exports
//   5. ambient time, chance, files and sockets are reached only where the table says so
//
// Imports are found by their shape at the start of a line (biome keeps them there), so comments and examples in
// comments never count.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Builtins that reach the machine: files, sockets, processes, threads, the host. */
const MACHINE = [
  'child_process',
  'cluster',
  'dgram',
  'dns',
  'fs',
  'http',
  'http2',
  'https',
  'inspector',
  'net',
  'os',
  'process',
  'readline',
  'timers',
  'tls',
  'tty',
  'v8',
  'vm',
  'worker_threads',
];

/** Globals that bring in time or chance. Whoever may not use them takes a Clock, or ticks, or a seeded generator. */
const AMBIENT =
  /\b(?:Date\.now|new Date\b|Math\.random|setTimeout|setInterval|setImmediate|performance\.|process\.hrtime)/;

/** Globals that reach anything outside the function at all: what only core must do without. */
const OUTSIDE =
  /\b(?:process\b|console\b|globalThis\b|Buffer\b|fetch\(|queueMicrotask\b|structuredClone\b|crypto\.)/;

/**
 * The house, from the ground up: a package may import only packages listed before it, and of those only its `packages`.
 * `npm` names its outside dependencies, `machine` the builtins of MACHINE it may use, `ambient` whether it may read
 * clocks and draw chance by itself. Each exception carries its reason.
 */
const HOUSE = {
  // A function of state and input: it reads no clock, draws no chance, touches no machine and depends on nobody.
  core: { packages: [], npm: [], machine: [], ambient: false, pure: true },
  // The one package that touches the machine; every other one takes a Vfs, a Clock and a Network.
  // A program may take the file lock in fs-ext's place (flock.ts).
  io: {
    packages: [],
    npm: ['crc-32', 'fs-ext'],
    machine: ['fs', 'net', 'tls', 'os', 'dns', 'child_process'],
    ambient: true,
  },
  // X.509 and nothing of ours. Only the command line and tests make certificates; a server is given its own.
  certs: { packages: [], npm: ['@peculiar/x509', 'reflect-metadata'], machine: [], ambient: false },
  wal: { packages: ['core', 'io'], npm: ['msgpackr'], machine: [], ambient: false },
  snapshot: { packages: ['core', 'io'], npm: [], machine: [], ambient: false },
  // Identities of TLS peers are checked on the stream that io hands over, so not even `tls` is needed here.
  transport: { packages: ['core', 'io'], npm: ['msgpackr'], machine: [], ambient: false },
  runtime: {
    packages: ['core', 'io', 'wal', 'snapshot', 'transport'],
    npm: ['msgpackr', 'prom-client'],
    machine: [],
    ambient: false,
  },
  // The ports that clients speak to are its own: TCP, TLS and HTTP servers, which no simulated run replaces. What the
  // store keeps goes through runtime, and so through the seams.
  kv: {
    packages: ['core', 'io', 'runtime'],
    npm: ['redis-parser', 'cluster-key-slot', 'prom-client'],
    machine: ['net', 'tls', 'http'],
    ambient: false,
  },
  // The outermost layer: it starts processes, reads options and environment, and talks to people.
  cli: {
    packages: ['core', 'io', 'certs', 'wal', 'snapshot', 'transport', 'runtime', 'kv'],
    npm: ['commander', 'pino', 'prom-client', 'redis-parser', 'yaml'],
    machine: ['child_process', 'fs', 'http', 'https', 'net', 'os', 'process', 'readline', 'tls', 'tty'],
    ambient: true,
  },
  // A run must be the same for the same seed, so the simulator brings its own clock, disk and network.
  testkit: { packages: ['core', 'io', 'runtime'], npm: [], machine: [], ambient: false },
};

/** `import ... from 'x'`, `export ... from 'x'`, `import 'x'` at the start of a line, over several lines if need be. */
const STATIC_IMPORT =
  /^(?:import|export)\s+(?:type\s+)?(?:[\w*\s,]*(?:\{[^}]*\})?\s*from\s*)?['"]([^'"]+)['"]/gm;
/** `import('x')`, `require('x')` and `createRequire(...)('x')` on a line that is no comment. */
const DYNAMIC_IMPORT =
  /^(?!\s*(?:\/\/|\*|\/\*)).*\b(?:import|require|createRequire\([^)]*\))\(\s*['"]([^'"]+)['"]\s*\)/gm;

const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
const packageNames = readdirSync(join(root, 'packages')).filter((name) =>
  existsSync(join(root, 'packages', name, 'package.json')),
);
/** Published name to folder: `@waldb/core` to `core`, `waldb` to `cli`. */
const folderOf = new Map(packageNames.map((name) => [readJson('packages', name, 'package.json').name, name]));

const violations = [
  ...checkTable(),
  ...checkRootReferences(),
  ...packageNames.filter((name) => Object.hasOwn(HOUSE, name)).flatMap(checkPackage),
];

for (const violation of violations) console.log(violation);
console.log(
  violations.length === 0
    ? `arrows: ${packageNames.length} packages, every import is allowed and declared`
    : `arrows: ${violations.length} violation${violations.length === 1 ? '' : 's'}`,
);
process.exitCode = violations.length === 0 ? 0 : 1;

// ---- the table itself ----

/** Arrows point one way because a row may name only rows above it. */
function checkTable() {
  const found = [];
  const above = new Set();
  for (const [name, row] of Object.entries(HOUSE)) {
    for (const other of row.packages) {
      if (!above.has(other))
        found.push(`scripts/check-arrows.mjs: ${name} lists ${other}, which does not stand below it`);
    }
    above.add(name);
  }
  for (const name of packageNames) {
    if (!above.has(name))
      found.push(`packages/${name}: the table in scripts/check-arrows.mjs does not know this package`);
  }
  return found;
}

function checkRootReferences() {
  const listed = referencesOf('tsconfig.json').map((path) => path.replace(/^packages\//, ''));
  return packageNames
    .filter((name) => !listed.includes(name))
    .map((name) => `tsconfig.json: packages/${name} is missing in references`);
}

// ---- one package ----

function checkPackage(name) {
  const row = HOUSE[name];
  const home = join(root, 'packages', name);
  const files = sourceFiles(join(home, 'src'));
  const imports = files.flatMap(importsOf);
  return [
    ...imports.flatMap((found) => checkImport(name, row, home, found)),
    ...sourceFiles(join(home, 'test'))
      .flatMap(importsOf)
      .flatMap((found) => checkTestImport(home, found)),
    ...files.flatMap((file) => checkGlobals(name, row, file)),
    ...checkManifest(name, imports),
    ...checkReferences(name, imports),
  ];
}

function checkImport(name, row, home, { file, line, specifier }) {
  const at = `${relative(root, file)}:${line}`;
  if (specifier.startsWith('.'))
    return leavesHome(home, file, specifier) ? [`${at}: ${specifier} leaves the package`] : [];
  if (specifier.startsWith('node:')) {
    const builtin = specifier.slice('node:'.length).split('/')[0];
    if (row.pure) return [`${at}: ${name} imports ${specifier}, but depends on nothing, not even on Node`];
    if (MACHINE.includes(builtin) && !row.machine.includes(builtin))
      return [`${at}: ${name} imports ${specifier}; the machine is reached through @waldb/io`];
    return [];
  }
  const target = packageOf(specifier);
  const folder = folderOf.get(target);
  if (folder === undefined) {
    if (row.npm.includes(target)) return [];
    return [`${at}: ${name} imports ${target}; its outside dependencies are ${list(row.npm)}`];
  }
  if (!isFrontDoor(folder, target, specifier))
    return [`${at}: ${specifier} reaches inside ${target}; import ${target} itself`];
  if (row.packages.includes(folder)) return [];
  return [`${at}: ${name} imports ${target}; it may import ${list(row.packages)}`];
}

/** Tests may use what they like, by the front door. */
function checkTestImport(home, { file, line, specifier }) {
  const at = `${relative(root, file)}:${line}`;
  if (specifier.startsWith('.'))
    return leavesHome(home, file, specifier)
      ? [`${at}: ${specifier} leaves the package; import the other one by its name`]
      : [];
  const target = packageOf(specifier);
  const folder = folderOf.get(target);
  if (folder === undefined || isFrontDoor(folder, target, specifier)) return [];
  return [`${at}: ${specifier} reaches inside ${target}; import ${target} itself`];
}

/** The package itself, or another entry point that it exports. */
function isFrontDoor(folder, target, specifier) {
  if (specifier === target) return true;
  const { exports = {} } = readJson('packages', folder, 'package.json');
  return Object.hasOwn(exports, `.${specifier.slice(target.length)}`);
}

function checkGlobals(name, row, file) {
  const found = [];
  const lines = withoutComments(readFileSync(file, 'utf8')).split('\n');
  lines.forEach((text, i) => {
    const ambient = row.ambient ? null : AMBIENT.exec(text);
    const outside = row.pure ? OUTSIDE.exec(text) : null;
    const at = `${relative(root, file)}:${i + 1}`;
    if (ambient) found.push(`${at}: ${name} uses ${ambient[0]}; time and chance are handed in`);
    if (outside) found.push(`${at}: ${name} uses ${outside[0]}, which is not part of the language`);
  });
  return found;
}

/** package.json and imports say the same: nothing undeclared, nothing declared and unused. */
function checkManifest(name, imports) {
  const { dependencies, optionalDependencies, peerDependencies } = readJson('packages', name, 'package.json');
  const declared = Object.keys({ ...dependencies, ...optionalDependencies, ...peerDependencies });
  const used = new Set(
    imports
      .map(({ specifier }) => specifier)
      .filter(isBare)
      .map(packageOf),
  );
  const file = `packages/${name}/package.json`;
  return [
    ...[...used]
      .filter((target) => !declared.includes(target))
      .map((target) => `${file}: ${target} is imported but not in dependencies`),
    ...declared
      .filter((target) => !used.has(target))
      .map((target) => `${file}: ${target} is in dependencies but never imported`),
  ];
}

function checkReferences(name, imports) {
  const file = `packages/${name}/tsconfig.json`;
  const listed = referencesOf(file).map((path) => path.replace(/^\.\.\//, ''));
  const used = new Set(
    imports.map(({ specifier }) => (isBare(specifier) ? folderOf.get(packageOf(specifier)) : undefined)),
  );
  used.delete(undefined);
  return [
    ...[...used]
      .filter((folder) => !listed.includes(folder))
      .map((folder) => `${file}: ../${folder} is imported but missing in references`),
    ...listed
      .filter((folder) => !used.has(folder))
      .map((folder) => `${file}: ../${folder} is in references but never imported`),
  ];
}

// ---- reading ----

function importsOf(file) {
  const text = readFileSync(file, 'utf8');
  return [STATIC_IMPORT, DYNAMIC_IMPORT].flatMap((pattern) =>
    [...text.matchAll(pattern)].map((match) => ({
      file,
      line: text.slice(0, match.index).split('\n').length,
      specifier: match[1],
    })),
  );
}

function sourceFiles(folder) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true })
    .map((path) => join(folder, path))
    .filter((path) => /\.(?:ts|mts|js|mjs)$/.test(path))
    .sort();
}

/** Lines keep their numbers. A `//` inside a string would be cut too: a line too few is searched, never one too many. */
function withoutComments(text) {
  return text
    .replace(/\/\*[\s\S]*?\*\//g, (comment) => comment.replace(/[^\n]/g, ''))
    .replace(/(^|[^:'"`])\/\/.*$/gm, '$1');
}

function leavesHome(home, file, specifier) {
  return !resolve(dirname(file), specifier).startsWith(home + sep);
}

function isBare(specifier) {
  return !specifier.startsWith('.') && !specifier.startsWith('node:');
}

/** The package a specifier belongs to: `@waldb/core/x` to `@waldb/core`, `pino/y` to `pino`. */
function packageOf(specifier) {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function referencesOf(file) {
  return (readJson(file).references ?? []).map(({ path }) => path);
}

function readJson(...path) {
  return JSON.parse(readFileSync(join(root, ...path), 'utf8'));
}

function list(names) {
  return names.length === 0 ? 'none' : names.join(', ');
}

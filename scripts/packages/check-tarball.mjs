// What a package may hold and say when it is published, checked on the tarball and nothing else:
// `node scripts/packages/check-tarball.mjs FILE...` prints one line for each violation, and exits 1 when there is any.
//
//   1. the manifest          has no workspace range, no condition of our own, and says what npm shows
//   2. every import          of a .js or .d.ts is in dependencies (or peers, or optional ones), or of Node, or a file here
//   3. every file            is of dist or src, or one of a few others; no test, no build state, and of each dist file its source
//   4. every source map      leads to a file that is here
//   5. no text               has a path of the machine that it was packed on

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { homedir, tmpdir } from 'node:os';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const FIELDS = [
  'name',
  'version',
  'description',
  'keywords',
  'license',
  'type',
  'engines',
  'exports',
  'files',
  'sideEffects',
];
const LOOSE_FILES = ['package.json', 'README.md', 'CHANGELOG.md', 'LICENSE-MIT', 'LICENSE-APACHE'];
const NEEDED_FILES = ['README.md', 'LICENSE-MIT', 'LICENSE-APACHE', 'dist/index.js', 'dist/index.d.ts'];
/** Of the command line: the dashboard, which is bundled and has no sources in the package. */
const PAGE = 'dist/page/';
const PAGE_FILES = ['index.html', 'dashboard.js', 'dashboard.css', 'favicon.svg', 'licenses.txt'];
/** `from 'x'`, `import 'x'`, `import('x')`, `require('x')`, as the compiler writes them. */
const IMPORTS = [
  /^(?:import|export)\b[^'"]*?\bfrom\s+['"]([^'"]+)['"]/gm,
  /^import\s+['"]([^'"]+)['"]/gm,
  /\bimport\(\s*['"]([^'"]+)['"]\s*\)/g,
  /\b(?:require|createRequire\([^)]*\))\(\s*['"]([^'"]+)['"]\s*\)/g,
];
const TEXTS = /\.(?:js|ts|map|json|md)$/;
const MACHINE_PATHS = [
  ...new Set([process.cwd(), homedir(), fileURLToPath(new URL('../..', import.meta.url))]),
]
  .map((path) => path.replace(/[/\\]$/, ''))
  .filter((path) => path.length > 3);

/** Sentences; none when all is well. */
export function checkTarball(tarball) {
  const root = mkdtempSync(join(tmpdir(), 'waldb-tarball-'));
  try {
    execFileSync('tar', ['xzf', tarball, '-C', root]);
    const home = join(root, 'package');
    const manifest = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'));
    const files = filesOf(home);
    return [
      ...checkManifest(manifest, files),
      ...files.flatMap((file) => checkFile(home, file)),
      ...files
        .filter((file) => /\.(?:js|d\.ts)$/.test(file))
        .flatMap((file) => checkImports(home, file, manifest)),
    ].map((violation) => `${manifest.name}: ${violation}`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

function checkManifest(manifest, files) {
  const text = JSON.stringify({ ...manifest, devDependencies: undefined });
  const entries = Object.values(manifest.exports ?? {}).flatMap((conditions) => Object.entries(conditions));
  return [
    ...FIELDS.filter((field) => manifest[field] === undefined).map((field) => `package.json has no ${field}`),
    ...(text.includes('workspace:') ? ['package.json has a range of the workspace'] : []),
    ...(text.includes('@waldb/source') ? ['package.json has the condition @waldb/source'] : []),
    ...((manifest.scripts?.install ?? manifest.scripts?.postinstall)
      ? ['package.json runs a script when it is installed']
      : []),
    ...[...entries.map(([, path]) => path), ...Object.values(manifest.bin ?? {})]
      .filter((path) => !files.includes(normalize(path).split(sep).join('/')))
      .map((path) => `package.json names ${path}, which is not there`),
    ...entries
      .filter(([condition]) => condition !== 'types' && condition !== 'default')
      .map(([condition]) => `package.json has the condition ${condition}`),
    ...(manifest.name === 'waldb' ? PAGE_FILES.map((file) => PAGE + file) : [])
      .filter((file) => !files.includes(file))
      .map((file) => `${file} is missing: npm run build`),
    ...NEEDED_FILES.filter((file) => !files.includes(file)).map((file) => `${file} is missing`),
  ];
}

function checkFile(home, file) {
  const found = [];
  const isKnown = LOOSE_FILES.includes(file) || /^(?:dist|src)\//.test(file);
  if (!isKnown) found.push(`${file} has no business here`);
  if (/(?:^|\/)(?:tests?|testdata|node_modules)\/|\.test\.|tsbuildinfo|\.env|\.log$/.test(file))
    found.push(`${file} is not for users`);
  if (file.startsWith('dist/') && !PAGE_FILES.some((name) => file === PAGE + name)) {
    const source = file.replace(/^dist/, 'src').replace(/(?:\.d)?\.(?:js|ts)(?:\.map)?$/, '.ts');
    if (source.endsWith('.ts') && !existsSync(join(home, source)))
      found.push(`${file} has no source ${source}`);
  }
  if (file.endsWith('.map')) found.push(...checkMap(home, file));
  if (TEXTS.test(file)) {
    const text = readFileSync(join(home, file), 'utf8');
    for (const path of MACHINE_PATHS) if (text.includes(path)) found.push(`${file} has the path ${path}`);
  }
  return found;
}

function checkMap(home, file) {
  const { sources = [], sourceRoot = '' } = JSON.parse(readFileSync(join(home, file), 'utf8'));
  return sources
    .filter((source) => !existsSync(join(home, dirname(file), sourceRoot, source)))
    .map((source) => `${file} leads to ${source}, which is not there`);
}

function checkImports(home, file, manifest) {
  const { name, dependencies, peerDependencies, optionalDependencies } = manifest;
  const declared = Object.keys({ ...dependencies, ...peerDependencies, ...optionalDependencies });
  // Types are kept beside a package that has none, as a dependency of their own.
  const isDeclared = (target) => declared.includes(target) || target === name;
  const text = withoutComments(readFileSync(join(home, file), 'utf8'));
  const specifiers = new Set(
    IMPORTS.flatMap((pattern) => [...text.matchAll(pattern)].map((match) => match[1])),
  );
  return [...specifiers].flatMap((specifier) => {
    if (specifier.startsWith('.')) {
      const target = join(
        home,
        dirname(file),
        file.endsWith('.d.ts') ? specifier.replace(/\.js$/, '.d.ts') : specifier,
      );
      return existsSync(target) ? [] : [`${file} imports ${specifier}, which is not there`];
    }
    if (specifier.startsWith('node:') || builtinModules.includes(specifier)) return [];
    const target = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    return isDeclared(target) ? [] : [`${file} imports ${specifier}, which is in no dependencies`];
  });
}

/** Examples in comments import what they like. */
function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '').replace(/^\s*\/\/.*$/gm, '');
}

function filesOf(home) {
  return readdirSync(home, { recursive: true })
    .filter((path) => statSync(join(home, path)).isFile())
    .map((path) => path.split(sep).join('/'))
    .sort();
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const violations = process.argv.slice(2).flatMap(checkTarball);
  for (const violation of violations) console.log(violation);
  process.exitCode = violations.length === 0 ? 0 : 1;
}

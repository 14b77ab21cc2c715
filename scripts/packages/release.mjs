// Publishes all packages: `npm run release` shows what it would do, `npm run release -- --publish` does it, from a workflow
// that npm can name as their origin (docs/releasing.md). What is published are the very tarballs that were checked.
//
// It never publishes from a tree with changes, never a version twice, and never something that a check is against. A run
// that broke off is run again: what is there already is passed over.

import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { checkTarball } from './check-tarball.mjs';
import { packAll } from './pack.mjs';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const CHECKS = ['lint', 'typecheck', 'arrows'];
const PUBLINT = join(ROOT, 'node_modules/publint/src/cli.js');

const words = process.argv.slice(2);
const unknown = words.filter((word) => word !== '--publish');
if (unknown.length > 0) fail(`usage: npm run release [-- --publish]   (not ${unknown.join(' ')})`);
const isPublishing = words.includes('--publish');

checkTree();
const repository = findRepository();
checkVersions();
for (const check of CHECKS) {
  say(`Checking: npm run ${check}`);
  execFileSync('npm', ['run', '--silent', check], {
    cwd: ROOT,
    stdio: ['ignore', 'ignore', 'inherit'],
    shell: isWindows(),
  });
}
const directory = mkdtempSync(join(tmpdir(), 'waldb-release-'));
try {
  const packed = withRepository(repository, () => packAll(directory));
  check(packed);
  for (const one of packed) publish(one);
  say(isPublishing ? 'Done.' : 'Nothing was published: npm run release -- --publish does it.');
} finally {
  rmSync(directory, { recursive: true, force: true });
}

/** What is published is a commit. */
function checkTree() {
  const changes = git('status', '--porcelain');
  if (changes !== '') fail(`The tree has changes; what is published has to be a commit:\n${changes}`);
}

/** One version for all, told of in every changelog, tagged as this commit, and with no change that waits for the next one. */
function checkVersions() {
  const versions = new Set(manifests().map(({ manifest }) => manifest.version));
  const [version] = versions;
  if (versions.size !== 1) fail(`The packages have different versions: ${[...versions].join(', ')}.`);
  const waiting = readdirSync(join(ROOT, '.changeset')).filter((file) => file.endsWith('.md'));
  if (waiting.length > 0) fail(`Changes wait for a version: npx changeset version (${waiting.join(', ')}).`);
  for (const { folder } of manifests()) {
    const file = join(ROOT, 'packages', folder, 'CHANGELOG.md');
    if (!existsSync(file) || !readFileSync(file, 'utf8').includes(`## ${version}\n`))
      fail(`packages/${folder}/CHANGELOG.md does not tell of ${version}.`);
  }
  const tags = git('tag', '--points-at', 'HEAD').split('\n');
  if (tags.includes(`v${version}`)) return;
  if (isPublishing) fail(`This commit is not tagged v${version}.`);
  say(`To be published, this commit has to be tagged v${version}.`);
}

/** Where this runs, or what package.json says: npm wants it in every package that it shows the origin of. */
function findRepository() {
  const { GITHUB_SERVER_URL, GITHUB_REPOSITORY } = process.env;
  if (GITHUB_SERVER_URL && GITHUB_REPOSITORY) return `${GITHUB_SERVER_URL}/${GITHUB_REPOSITORY}`;
  const { repository } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  if (repository !== undefined) return repository.url.replace(/^git\+|\.git$/g, '');
  if (isPublishing)
    fail('It is published by the workflow `release`, so that npm can show where it comes from.');
  say('No repository is known here: the workflow `release` writes its own into the packages.');
  return undefined;
}

/** Packs with the repository in the manifests, and leaves the tree as it was. */
function withRepository(url, pack) {
  if (url === undefined) return pack();
  const kept = manifests().map(({ file, text }) => ({ file, text }));
  try {
    for (const { file, folder, manifest } of manifests()) {
      const links = {
        homepage: `${url}/tree/main/packages/${folder}#readme`,
        bugs: { url: `${url}/issues` },
        repository: { type: 'git', url: `git+${url}.git`, directory: `packages/${folder}` },
      };
      writeFileSync(file, `${JSON.stringify({ ...manifest, ...links }, null, 2)}\n`);
    }
    return pack();
  } finally {
    for (const { file, text } of kept) writeFileSync(file, text);
  }
}

function check(packed) {
  const violations = packed.flatMap(({ tarball }) => checkTarball(tarball));
  if (violations.length > 0) fail(violations.join('\n'));
  for (const { tarball } of packed)
    execFileSync(process.execPath, [PUBLINT, 'run', tarball, '--strict'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
}

function publish({ name, version, tarball }) {
  const kilobytes = (statSync(tarball).size / 1024).toFixed(0);
  if (!isPublishing) return say(`Would publish ${name}@${version} (${kilobytes} KiB packed)`);
  if (isThere(name, version)) return say(`${name}@${version} is there already`);
  say(`Publishing ${name}@${version} (${kilobytes} KiB packed)`);
  // A version like 1.0.0-beta.1 must not become what everybody gets.
  const tag = version.includes('-') ? 'next' : 'latest';
  execFileSync('npm', ['publish', tarball, '--provenance', '--access', 'public', '--tag', tag], {
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: isWindows(),
  });
}

function isThere(name, version) {
  try {
    return (
      execFileSync('npm', ['view', `${name}@${version}`, 'version'], { encoding: 'utf8' }).trim() === version
    );
  } catch {
    return false; // E404: neither the package nor this version of it
  }
}

function manifests() {
  return readdirSync(join(ROOT, 'packages')).map((folder) => {
    const file = join(ROOT, 'packages', folder, 'package.json');
    const text = readFileSync(file, 'utf8');
    return { folder, file, text, manifest: JSON.parse(text) };
  });
}

function git(...args) {
  return execFileSync('git', args, { cwd: ROOT, encoding: 'utf8' }).trim();
}

function isWindows() {
  return process.platform === 'win32';
}

function say(text) {
  process.stdout.write(`${text}\n`);
}

function fail(text) {
  process.stderr.write(`release: ${text}\n`);
  process.exit(1);
}

// Does the simulator find mistakes? Makes them one by one (mutants.mjs) in a copy of the sources, and counts the seeds until
// a rule is broken:  pnpm mutants [--only NAME …] [--seeds N] [--jobs J] [--protocol] [--write]
//
// The sources themselves are never changed. Exits 1 when a mutant was not found.

import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compile } from '../sim/compile.mjs';
import { compileReleases } from '../sim/releases/releases.mjs';
import { apply } from './apply.mjs';
import { MUTANTS } from './mutants.mjs';
import { writeTable } from './table.mjs';

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const DOCUMENT = join(ROOT, 'docs', 'simulation.md');
const HELP = `usage: pnpm mutants [options]    plants mistakes in a copy of the sources and lets the simulator find them

  --only NAME    this mutant only; may be given again. A prefix is enough
  --seeds N      give up after so many seeds (2000)
  --from S       the first seed (1)
  --jobs J       mutants at the same time (1)
  --protocol     simulate the consensus core alone instead of whole servers; for mutants of packages/core
  --write        put what was found into the table of docs/simulation.md; what was found before stays
  --list         name the mutants
  --help`;

const { values } = parseArgs({
  options: {
    only: { type: 'string', multiple: true, default: [] },
    seeds: { type: 'string', default: '2000' },
    from: { type: 'string', default: '1' },
    jobs: { type: 'string', default: '1' },
    protocol: { type: 'boolean', default: false },
    write: { type: 'boolean', default: false },
    list: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});

const SIMULATOR = values.protocol ? 'protocol' : 'servers';

/** Later releases are made of the same mistake; but few mistakes need them. */
const NO_RELEASES = { files: [], remove: () => {} };

/** What an interrupted run has to take away. */
const copies = new Set();
const hunts = new Set();
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => {
    for (const child of hunts) child.kill('SIGKILL');
    for (const copy of copies) rmSync(copy, { recursive: true, force: true });
    process.exit(130);
  });
}

if (values.help) console.log(HELP);
else if (values.list) for (const { name, rule } of MUTANTS) console.log(`${name.padEnd(32)} ${rule}`);
else await main();

async function main() {
  const chosen = choose();
  if (chosen.length === 0) {
    console.error(`No mutant is called ${values.only.join(' or ')}; --list names them.`);
    process.exitCode = 2;
    return;
  }
  const waiting = [...chosen];
  const results = new Map();
  const work = async () => {
    const copy = copySources();
    copies.add(copy);
    try {
      for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
        const result = await hunt(mutant, copy);
        results.set(mutant.name, result);
        if (values.write) writeTable(DOCUMENT, SIMULATOR, results);
        console.log(`${String(results.size).padStart(3)}/${chosen.length}  ${describe(mutant, result)}`);
      }
    } finally {
      rmSync(copy, { recursive: true, force: true });
      copies.delete(copy);
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, Number(values.jobs)) }, work));
  const missed = chosen.filter(({ name }) => results.get(name).found === undefined);
  console.log(
    missed.length === 0
      ? `all ${chosen.length} mutants were found`
      : `${chosen.length - missed.length} of ${chosen.length} mutants were found; not: ${missed.map(({ name }) => name).join(', ')}`,
  );
  if (missed.length > 0) process.exitCode = 1;
}

function choose() {
  const { only, protocol } = values;
  return MUTANTS.filter(
    ({ name, edits }) =>
      (only.length === 0 || only.some((prefix) => name.startsWith(prefix))) &&
      (!protocol || edits.every(({ file }) => file.startsWith('packages/core/'))),
  );
}

/** Everything that the simulator loads; what is installed is shared with the original. */
function copySources() {
  const copy = mkdtempSync(join(tmpdir(), 'waldb-mutants-'));
  for (const name of readdirSync(join(ROOT, 'packages'))) {
    for (const part of ['package.json', 'src', 'node_modules']) {
      const from = join(ROOT, 'packages', name, part);
      if (!existsSync(from)) continue;
      cpSync(from, join(copy, 'packages', name, part), { recursive: true, verbatimSymlinks: true });
    }
  }
  for (const name of ['mutants', 'sim'])
    cpSync(join(ROOT, 'scripts', name), join(copy, 'scripts', name), { recursive: true });
  cpSync(join(ROOT, 'package.json'), join(copy, 'package.json'));
  symlinkSync(join(ROOT, 'node_modules'), join(copy, 'node_modules'), 'dir');
  return copy;
}

async function hunt(mutant, copy) {
  const restore = apply(mutant, copy);
  try {
    const task = {
      simulator: SIMULATOR,
      from: Number(values.from),
      seeds: Number(values.seeds),
    };
    const hunter = await compile(join(copy, 'scripts', 'mutants', 'hunt.mjs'));
    const releases = mutant.withReleases === true ? await compileReleases(copy) : NO_RELEASES;
    const places = [hunter, ...releases.files].map(({ path }) => dirname(path));
    for (const place of places) copies.add(place);
    try {
      return await askHunter(hunter.path, { ...task, releases: releases.files });
    } finally {
      hunter.remove();
      releases.remove();
      for (const place of places) copies.delete(place);
    }
  } finally {
    restore();
  }
}

function askHunter(script, task) {
  const child = spawn(process.execPath, [script, JSON.stringify(task)], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  hunts.add(child);
  let output = '';
  let trouble = '';
  child.stdout.on('data', (bytes) => (output += bytes));
  child.stderr.on('data', (bytes) => (trouble += bytes));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      hunts.delete(child);
      try {
        resolve(JSON.parse(output.trim().split('\n').at(-1)));
      } catch {
        reject(new Error(`The hunt ended with ${code} and no result:\n${trouble || output}`));
      }
    });
  });
}

function describe({ name, rule }, { found, tried, seconds }) {
  const time = `${seconds.toFixed(0)} s`;
  const outcome = found
    ? `found after ${tried} seed${tried === 1 ? '' : 's'}, ${time}: ${found.rule}`
    : `NOT FOUND in ${tried} seeds, ${time}`;
  return `${name.padEnd(30)} ${outcome}  (${rule})`;
}

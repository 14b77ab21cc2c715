// Which test covers which scenario: `node scripts/scenarios.mjs [--check] [--root folder]`.
//
// Without options it writes docs/scenarios.md from test/scenario-ids.json and the titles of all tests. With --check it
// writes nothing and exits 1 when the page is stale, when an id of a delivered section has no test or a skipped one,
// or when a title names an id that does not exist.
//
// A test names its scenarios at the start of its title: `W3 synced before ack ...`, `P1 P2 ...`, `A1.1-A1.3: ...`.
// Titles are the runner's own, so rows of `it.each` count once each, with the title they get.

import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { createVitest } from 'vitest/node';

const { values: options } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    root: { type: 'string', default: join(dirname(fileURLToPath(import.meta.url)), '..') },
  },
});
const root = resolve(options.root);
const page = join(root, 'docs/scenarios.md');

const { sections, delivered } = JSON.parse(readFileSync(join(root, 'test/scenario-ids.json'), 'utf8'));
const letters = sections.map(({ id }) => id).join('');
const ID = new RegExp(`^[${letters}]\\d+(?:\\.\\d+)?$`);
const RANGE = new RegExp(`^([${letters}]\\d+(?:\\.\\d+)?)[-–]([${letters}]\\d+(?:\\.\\d+)?)$`);
const known = sections.flatMap(({ scenarios }) => Object.keys(scenarios));
const problems = [];
const due = new Set(delivered.flatMap(idsOfDelivery));
const tests = await collectTests();
const coverage = cover(tests);
const text = render();

if (options.check) checkPage();
else if (problems.length === 0) writeFileSync(page, text);
if (options.check) checkDelivered();

for (const problem of problems) console.log(problem);
const covered = known.filter((id) => coverage.has(id)).length;
console.log(
  `scenarios: ${covered} of ${known.length} ids have a test, ${due.size} are delivered` +
    `${problems.length > 0 ? `, ${problems.length} to be looked at` : ''}`,
);
process.exitCode = problems.length === 0 ? 0 : 1;

// ---- ids ----

/** `A` (a section), `G1` (ids that begin with `G1.`), `X1-X10` (a range) or `X19` (one id). */
function idsOfDelivery(name) {
  const ids = sections.some(({ id }) => id === name)
    ? known.filter((id) => id.startsWith(name))
    : known.filter((id) => id.startsWith(`${name}.`));
  if (ids.length > 0) return ids;
  return idsOfToken(name) ?? report(`test/scenario-ids.json: ${name} is delivered but names no id`);
}

/** The ids that a title begins with. */
function idsOfTitle(title, file) {
  const ids = [];
  for (const word of title.split(/\s+/)) {
    const token = word.replace(/[:,;]$/, '');
    if ((!ID.test(token) && !RANGE.test(token)) || isGroup(token)) break;
    ids.push(...(idsOfToken(token) ?? report(`${file}: "${title}" names ${token}, which is no scenario`)));
    if (word.endsWith(':')) break;
  }
  return ids;
}

/** `A1` stands for the rules A1.1, A1.2 and so on: a test may be about them without covering any. */
function isGroup(token) {
  return known.some((id) => id.startsWith(`${token}.`));
}

function idsOfToken(token) {
  const [from, to] = RANGE.exec(token)?.slice(1) ?? [token, token];
  const [first, last] = [known.indexOf(from), known.indexOf(to)];
  if (first < 0 || last < first || from[0] !== to[0]) return undefined;
  return known.slice(first, last + 1);
}

// ---- tests ----

/** Asks the runner to load every test file and run none. */
async function collectTests() {
  const vitest = await createVitest('test', {
    root,
    watch: false,
    run: true,
    passWithNoTests: true,
    isolate: false, // nothing runs, so modules may be shared
    reporters: [],
  });
  try {
    const { testModules, unhandledErrors } = await vitest.collect([]);
    for (const error of unhandledErrors) report(`a test file cannot be loaded: ${error?.message ?? error}`);
    return testModules.flatMap((module) => {
      const file = relative(root, module.moduleId);
      for (const error of module.errors()) report(`${file}: ${error.message}`);
      return [...module.children.allTests()].map((test) => ({
        file,
        title: test.name,
        isSkipped: test.options.mode === 'skip' || test.options.mode === 'todo',
      }));
    });
  } finally {
    await vitest.close();
  }
}

/** Id to its tests, in the order of files and of titles within. */
function cover(found) {
  const byId = new Map();
  for (const test of [...found].sort(byFile)) {
    for (const id of idsOfTitle(test.title, test.file)) byId.set(id, [...(byId.get(id) ?? []), test]);
  }
  return byId;
}

/** The sort is stable: tests of one file stay in their order. */
function byFile(a, b) {
  return a.file < b.file ? -1 : Number(a.file > b.file);
}

// ---- the page ----

function render() {
  const lines = [
    '# Scenarios',
    '',
    '<!-- Written by `node scripts/scenarios.mjs` from test/scenario-ids.json and the titles of the tests. -->',
    '',
    'Each line is a rule with an id that never changes its meaning, and the tests that defend it. An id stands at the',
    'start of a test title. CI fails when an id of a delivered section has no test, or its test is skipped.',
    '',
    `Delivered so far: ${delivered.length === 0 ? 'none' : delivered.join(', ')}.`,
    '',
    '| section | ids | with a test |',
    '| --- | --- | --- |',
    ...sections.map(({ id, title, scenarios }) => {
      const ids = Object.keys(scenarios);
      return `| [${id}. ${title}](#${anchor(`${id}. ${title}`)}) | ${ids.length} | ${ids.filter((one) => coverage.has(one)).length} |`;
    }),
  ];
  for (const { id, title, scenarios } of sections) {
    lines.push('', `## ${id}. ${title}`, '', '| id | rule | test |', '| --- | --- | --- |');
    for (const [one, rule] of Object.entries(scenarios))
      lines.push(`| ${one} | ${cell(rule)} | ${testCell(one)} |`);
  }
  return `${lines.join('\n')}\n`;
}

function testCell(id) {
  const byPath = new Map();
  for (const { file, title } of coverage.get(id) ?? [])
    byPath.set(file, [...(byPath.get(file) ?? []), cell(withoutIds(title))]);
  return [...byPath]
    .map(([file, titles]) => `[${file}](../${file}): ${[...new Set(titles)].join('; ')}`)
    .join('<br>');
}

function withoutIds(title) {
  const words = title.split(/\s+/);
  const at = words.findIndex(
    (word) => !ID.test(word.replace(/[:,;]$/, '')) && !RANGE.test(word.replace(/[:,;]$/, '')),
  );
  return at < 0 ? title : words.slice(at).join(' ');
}

function cell(words) {
  return words.replace(/([|<>])/g, '\\$1');
}

function anchor(heading) {
  return heading
    .toLowerCase()
    .replace(/[^\w\s-]/g, '')
    .replace(/\s/g, '-');
}

// ---- checking ----

function checkPage() {
  let present = '';
  try {
    present = readFileSync(page, 'utf8');
  } catch (error) {
    if (error.code !== 'ENOENT') throw error; // a page that was never written is a stale one
  }
  if (present !== text) report('docs/scenarios.md is stale: run `node scripts/scenarios.mjs`');
}

function checkDelivered() {
  for (const id of due) {
    const found = coverage.get(id) ?? [];
    if (found.length === 0) report(`${id} is delivered but has no test`);
    for (const { file, title } of found.filter(({ isSkipped }) => isSkipped))
      report(`${id} is delivered but its test is skipped: ${file}: ${title}`);
  }
}

function report(problem) {
  problems.push(problem);
  return [];
}

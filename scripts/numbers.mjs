// The figures on the pages, from the files in bench/results and from nowhere else: `npm run numbers [-- --check]`.
//
// A page says where figures belong with a pair of comments, <!-- numbers: NAME --> and <!-- /numbers -->. What stands between
// them is written anew; with --check nothing is written, and a page that says anything else than the files ends in exit code 1.
// Figures are rounded to three digits and never otherwise touched; a file that is not there is said to be missing.

import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const { values: options } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    root: { type: 'string', default: join(dirname(fileURLToPath(import.meta.url)), '..') },
  },
});
const { root } = options;

/** What may stand between the comments, by name: the file that it is from, the command that makes the file, the text. */
const SECTIONS = {
  store: { file: 'cluster-latest.json', command: 'npm run bench:cluster', write: storeTables },
  log: { file: 'latest.json', command: 'npm run bench:peers', write: logTable },
  server: { file: 'latest.json', command: 'npm run bench:peers', write: serverTable },
  sizing: { file: 'sizing-latest.json', command: 'npm run bench:sizing', write: sizingTable },
  connections: { file: 'sizing-latest.json', command: 'npm run bench:sizing', write: connectionsTable },
};

const MARKED = /(<!-- numbers: (?<name>\w+) -->\n)[\s\S]*?(<!-- \/numbers -->)/g;

const stale = [];
for (const path of pages()) {
  const before = readFileSync(path, 'utf8');
  const after = before.replace(MARKED, (...match) => {
    const [, open, , close] = match;
    return `${open}\n${section(match.at(-1).name)}\n${close}`;
  });
  if (after === before) continue;
  stale.push(relative(root, path));
  if (!options.check) writeFileSync(path, after);
}
if (options.check) {
  for (const page of stale) console.log(`${page} has other figures than bench/results: npm run numbers`);
  process.exitCode = stale.length === 0 ? 0 : 1;
} else {
  console.log(
    stale.length === 0 ? 'Every page has the figures of bench/results.' : `Written: ${stale.join(', ')}`,
  );
}

function pages() {
  const docs = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  return ['README.md', 'bench/README.md', ...docs.map((name) => `docs/${name}`)]
    .map((page) => join(root, page))
    .filter((page) => existsSync(page));
}

function section(name) {
  const { file, command, write } = SECTIONS[name] ?? {};
  if (file === undefined) throw new Error(`There are no numbers "${name}".`);
  const path = join(root, 'bench/results', file);
  if (!existsSync(path)) return `Not measured here yet: \`${command}\` writes bench/results/${file}.\n`;
  const result = JSON.parse(readFileSync(path, 'utf8'));
  if (result.isQuick) throw new Error(`${file} is of a quick run, which nobody quotes.`);
  return `${write(result)}\n${origin(result, file, command)}\n`;
}

function origin({ machine, date, rounds }, file, command) {
  const stores = Object.entries({ etcd: 'etcd', redis: 'Redis' }).flatMap(([key, name]) =>
    key in machine ? [`${name} ${/\d+(?:\.\d+)+/.exec(machine[key])?.[0] ?? machine[key]}`] : [],
  );
  const facts = [
    machine.cpu,
    machine.memory,
    machine.fileSystem,
    machine.kernel,
    `Node ${machine.node}`,
    ...stores,
  ];
  return (
    `\`${command}\`, medians of ${rounds} rounds, all on one machine (${facts.join(', ')}), ` +
    `${date.slice(0, 10)}, commit ${machine.commit}; bench/results/${file}.`
  );
}

// ---- the store beside etcd and Redis ----

function storeTables(result) {
  const names = ['set-1', 'set-64', 'set-256', 'set-64-shared', 'set-256-shared'];
  const sets = [...names, 'set-1-1k', 'set-64-1k', 'set-256-1k'].flatMap((name) => {
    const of = figuresOf(result, name);
    if (of === undefined) return [];
    const { title } = result.cases.find((one) => one.name === name);
    return [
      [
        title.replace(/, three servers$/, ''),
        figure(of('waldb SET/s')),
        `${figure(of('waldb p50'))} / ${figure(of('waldb p99'))}`,
        figure(of('etcd puts/s')),
        `${figure(of('etcd p50'))} / ${figure(of('etcd p99'))}`,
        times(of('waldb / etcd')),
        figure(of('redis SET/s, one server')),
        times(of('waldb / redis')),
      ],
    ];
  });
  const head = [
    '',
    'waldb/s',
    'p50 / p99 ms',
    'etcd/s',
    'p50 / p99 ms',
    'waldb / etcd',
    'one Redis/s',
    'waldb / Redis',
  ];
  return `${table(head, sets)}\n${list(otherStoreLines(result))}`;
}

function otherStoreLines(result) {
  const gets = (name, who) => {
    const get = figuresOf(result, name);
    return (
      get &&
      `GET, linearizable, ${who}: ${figure(get('waldb GET/s'))}/s, etcd's linearizable ranges ${figure(get('etcd ranges/s'))}/s (${times(get('waldb / etcd'))})`
    );
  };
  const pipeline = figuresOf(result, 'pipeline');
  const alone = figuresOf(result, 'alone');
  const justStarted = figuresOf(result, 'new');
  return [
    gets('get-64', '64 clients'),
    gets('get-64-shared', '64 clients, 16 on each connection'),
    pipeline?.('waldb SET/s') &&
      `SET, 64 clients with pipelines of 16 (redis-benchmark): ${figure(pipeline('waldb SET/s'))}/s, one Redis ${figure(pipeline('redis SET/s, one server'))}/s (${times(pipeline('waldb / redis'))})`,
    alone &&
      `SET, one client, one server: ${figure(alone('waldb SET/s'))}/s, Redis ${figure(alone('redis SET/s'))}/s (${times(alone('waldb / redis'))})`,
    justStarted &&
      `All of these after some work: V8 compiles while a server runs. SET, 64 clients, in its first second: ${figure(justStarted('waldb SET/s, second 0 to 1'))}/s, from the eighth on: ${figure(justStarted('waldb SET/s, second 8 to 16'))}/s`,
  ].filter(Boolean);
}

// ---- the log beside other stores ----

function logTable(result) {
  const rows = [1, 64, 512, 1024].flatMap((appenders) => {
    const of = figuresOf(result, `durable-${appenders}`);
    if (of === undefined) return [];
    const subjects = ['inline', 'deferred', 'classic-level', 'lmdb', 'better-sqlite3', 'raw'];
    return [[String(appenders), ...subjects.map((subject) => figure(of(subject)))]];
  });
  const head = [
    'appenders',
    'waldb, inline',
    'waldb, deferred',
    'LevelDB (classic-level)',
    'lmdb',
    'SQLite (better-sqlite3)',
    'the bare disk',
  ];
  return table(head, rows);
}

function serverTable(result) {
  const writes = [64, 256].flatMap((clients) => {
    const of = figuresOf(result, `server-${clients}`);
    if (of === undefined) return [];
    return [
      [
        `${clients} callers of \`propose\``,
        `${figure(of('proposed and applied'))}/s`,
        `${figure(of('proposed to applied, p50'))} / ${figure(of('proposed to applied, p99'))}`,
        `${figure(of("leader's and its clients' CPU for an entry"))} µs`,
        figure(of('entries of one sync')),
        figure(of('entries for a CPU second of all three')),
      ],
    ];
  });
  const head = [
    '',
    'entries',
    'p50 / p99 ms',
    "leader's CPU an entry",
    'entries a sync',
    'entries a CPU second of all three',
  ];
  const reads = figuresOf(result, 'server-reads');
  const kinds = reads && [
    `100 readers in the leader's process: ${figure(reads('linearizable'))} linearizable reads/s, ${figure(reads('with a lease'))} with a lease, ${figure(reads('eventual'))} eventual`,
  ];
  return `${table(head, writes)}\n${list(kinds ?? [])}`;
}

// ---- what a store needs ----

function sizingTable(result) {
  const stores = result.cases.filter(({ lines }) => lines.some(({ name }) => name === 'memory for a key'));
  const rows = stores.map(({ name, title }) => {
    const of = figuresOf(result, name);
    return [
      title,
      `${figure(of('memory for a key'))} B`,
      `${figure(of('resident set'))} MiB`,
      `${figure(of('snapshot for a key'))} B`,
      `${figure(of('log written for a SET'))} B`,
      `${figure(of('directory at rest'))} MiB`,
    ];
  });
  const head = ['', 'memory a key', 'process', 'snapshot a key', 'log a SET', 'directory'];
  return table(head, rows);
}

function connectionsTable(result) {
  const cases = result.cases.filter(({ name }) => name.startsWith('connections'));
  const rows = cases.map(({ name, title }) => {
    const of = figuresOf(result, name);
    const kib = (line) => `${figure((of(line) ?? 0) / 1024)} KiB`;
    return [title, kib('memory for an idle connection'), kib('memory for one that has sent a SET')];
  });
  return table(['', 'idle, each', 'after a SET, each'], rows);
}

// ---- text ----

/** A case's lines by their names, or undefined where the run did not have it. */
function figuresOf({ cases }, name) {
  const found = cases.find((one) => one.name === name);
  return found && ((lineName) => found.lines.find((line) => line.name === lineName)?.value);
}

/** Three digits; '–' for what was not measured. */
function figure(value) {
  if (value === undefined) return '–';
  return Number(value.toPrecision(3)).toLocaleString('en-US', { maximumFractionDigits: 3 });
}

function times(value) {
  return value === undefined ? '–' : `${figure(value)} x`;
}

function table(head, rows) {
  const lines = [head, head.map((_, nth) => (nth === 0 ? '---' : '---:')), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

function list(items) {
  return items.map((item) => `* ${item}\n`).join('');
}

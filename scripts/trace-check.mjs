// Compares protocol traces with the Raft specification: `pnpm trace:check FILE...`. Several files are those of several
// servers of one run, and are brought into a causal order first; `--merged OUT` writes that order. Exits 1 at the first line
// that the specification does not allow, 2 for a file that is no trace.

import { createReadStream, createWriteStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { mergeTraces, readTrace, TraceValidator } from '../packages/testkit/src/index.ts';

const HELP = 'usage: pnpm trace:check FILE... [--merged OUT]';

await main();

async function main() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { merged: { type: 'string' }, help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help || positionals.length === 0) return leave(HELP, values.help ? 0 : 2);
  const files = [];
  for (const file of positionals) files.push(await readFile(file));
  const lines = [...mergeTraces(files)];
  if (values.merged !== undefined) await writeTrace(values.merged, lines);
  check(lines, positionals.length);
}

async function readFile(file) {
  try {
    return await readTrace(createInterface({ input: createReadStream(file), crlfDelay: Infinity }));
  } catch (error) {
    return leave(`${file}: ${error.message}`, 2);
  }
}

async function writeTrace(file, lines) {
  const stream = createWriteStream(file);
  // Without clocks: the order is decided, and a TLA+ checker reads whole numbers only.
  for (const { event } of lines) stream.write(`${JSON.stringify({ tag: 'trace', event })}\n`);
  stream.end();
  await finished(stream);
}

function check(lines, files) {
  const validator = new TraceValidator();
  try {
    for (const { event } of lines) validator.accept(event);
  } catch (error) {
    if (error.code !== 'TRACE_ILLEGAL') throw error;
    console.log(error.message);
    console.log('the lines of this server before it:');
    const { nid } = error.detail.event;
    const before = lines.slice(0, error.detail.line).filter(({ event }) => event.nid === nid);
    for (const { event } of before.slice(-8)) console.log(`  ${JSON.stringify(event)}`);
    return leave('', 1);
  }
  console.log(
    `${validator.lines} lines of ${files} ${files === 1 ? 'file' : 'files'} follow the specification`,
  );
}

function leave(message, code) {
  if (message !== '') console.log(message);
  process.exit(code);
}

// The table of mutants in docs/simulation.md: what each simulator needed to find each mistake. A row stays as it is until the
// same simulator has looked for the same mutant again.

import { readFileSync, writeFileSync } from 'node:fs';
import { MUTANTS } from './mutants.mjs';

const MARKED = /(<!-- mutants: .*-->\n)([\s\S]*?)(\n<!-- \/mutants -->)/;
const HEAD = [
  '| mutant | the mistake | whole servers: seeds | found by | the protocol: seeds | found by |',
  '|---|---|---|---|---|---|',
];
/** Columns of each simulator: the number of seeds, and the rule that was broken. */
const COLUMNS = { servers: [2, 3], protocol: [4, 5] };

/** Puts `results` (by mutant's name: `{ found, tried }`) of `simulator` into the document at `path`. */
export function writeTable(path, simulator, results) {
  const text = readFileSync(path, 'utf8');
  const present = MARKED.exec(text);
  if (present === null) throw new Error(`${path} has no place for the table (<!-- mutants: … -->).`);
  const known = rowsOf(present[2]);
  for (const [name, { found, tried }] of results) {
    const row = known.get(name) ?? [];
    const [seeds, rule] = COLUMNS[simulator];
    row[seeds] = found ? String(tried) : `not in ${tried}`;
    row[rule] = found ? `\`${found.rule}\`` : '';
    known.set(name, row);
  }
  const rows = MUTANTS.filter(({ name }) => known.has(name)).map(({ name, rule }) => {
    const cells = [name, rule, ...Array.from({ length: 4 }, (_, at) => known.get(name)[at + 2] ?? '')];
    return `| ${cells.join(' | ')} |`;
  });
  const table = [...HEAD, ...rows].join('\n');
  writeFileSync(
    path,
    text.replace(MARKED, (_, begin, __, end) => `${begin}\n${table}\n${end}`),
  );
}

/** The cells of each mutant's row, by its name. */
function rowsOf(table) {
  const rows = new Map();
  for (const line of table.split('\n')) {
    const cells = line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim());
    if (MUTANTS.some(({ name }) => name === cells[0])) rows.set(cells[0], cells);
  }
  return rows;
}

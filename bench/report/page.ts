// The report: one page that needs nothing but itself. The order is that of the questions: does it hold what it promises,
// where and on what was that measured, and the figures of each case.

import { formatFigure, targetText } from '../harness/print-table.js';
import { type CaseResult, type Line, type RunResult, scatter, type Unit } from '../harness/result.js';
import { STYLE } from './style.js';
import { barChart, escapeText, headroomChart } from './svg.js';

/** Of fewer lines than this a chart says no more than the table. */
const BARS_MIN = 2;

export function reportPage(result: RunResult): string {
  const groups = result.cases
    .map(({ title, lines }) => ({ title, lines: lines.filter((one) => one.target !== undefined) }))
    .filter(({ lines }) => lines.length > 0);
  const judged = groups.flatMap(({ lines }) => lines);
  const met = judged.filter(({ isMet }) => isMet === true).length;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>waldb: benchmarks</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<main>
<header>
<h1>waldb <span>benchmarks</span></h1>
<p class="lead"><b>${met} of ${judged.length}</b> targets met. ${kindOfRun(result)}</p>
${machineList(result)}
</header>
<section>
<h2>Against the targets</h2>
<p>Right of the line is better than asked for. A round dot meets its target, a square one does not.</p>
${headroomChart(groups)}
</section>
${result.cases.map(caseSection).join('\n')}
<footer>
<p>Bars begin at zero and show the median of the rounds; the thin line across a bar spans the middle half of them, the
upright mark is the target. Ratios are taken within a round, between subjects that ran in turn, and then the median.</p>
</footer>
</main>
</body>
</html>
`;
}

function kindOfRun({ isQuick, rounds, date }: RunResult): string {
  const day = date.slice(0, 10);
  return isQuick
    ? `A quick run of ${day}, to see that everything runs: not to be quoted.`
    : `Medians of ${rounds} interleaved rounds, ${day}.`;
}

function machineList({ machine }: RunResult): string {
  const facts = Object.entries(machine).map(
    ([name, fact]) => `<div><dt>${escapeText(spaced(name))}</dt><dd>${escapeText(fact)}</dd></div>`,
  );
  return `<dl>${facts.join('')}</dl>`;
}

function caseSection(one: CaseResult): string {
  const charts = byUnit(one.lines).filter(({ unit, lines }) => unit !== 'ratio' && lines.length >= BARS_MIN);
  const notes = one.notes.map((note) => `<p class="note">${escapeText(note)}</p>`);
  return `<section id="${escapeText(one.name)}">
<h2>${escapeText(one.title)}</h2>
${charts.map(({ lines }) => barChart(lines, one.title)).join('\n')}
${one.lines.length === 0 ? '' : table(one.lines)}
${notes.join('\n')}
</section>`;
}

function byUnit(lines: readonly Line[]): { readonly unit: Unit; readonly lines: Line[] }[] {
  const groups = new Map<Unit, Line[]>();
  for (const one of lines) groups.set(one.unit, [...(groups.get(one.unit) ?? []), one]);
  return [...groups].map(([unit, group]) => ({ unit, lines: group }));
}

function table(lines: readonly Line[]): string {
  const rows = lines.map((one) => {
    const verdict = one.isMet === undefined ? '' : one.isMet ? 'pass' : 'miss';
    const cells = [
      `<th scope="row">${escapeText(one.name)}</th>`,
      `<td class="number">${formatFigure(one.value)}</td><td>${one.unit}</td>`,
      `<td class="number">±${(scatter(one) * 50).toFixed(0)} %</td>`,
      `<td class="number">${escapeText(targetText(one))}</td><td class="${verdict}">${verdict}</td>`,
    ];
    return `<tr>${cells.join('')}</tr>`;
  });
  const head =
    '<tr><th scope="col"></th><th scope="col" class="number">median</th><th scope="col"></th>' +
    '<th scope="col" class="number">scatter</th><th scope="col" class="number">target</th><th scope="col"></th></tr>';
  return `<details><summary>Figures</summary><table><thead>${head}</thead><tbody>${rows.join('')}</tbody></table></details>`;
}

/** "fileSystem" is "file system" to people. */
function spaced(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

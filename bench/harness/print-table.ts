// Prints a case's lines as an aligned table, for people.

import { type CaseResult, type Line, scatter } from './result.js';

const NAME_COLUMNS = 46;
const FIGURE_COLUMNS = 12;
const UNIT_COLUMNS = 10;
const TARGET_COLUMNS = 14;

export function caseTable(result: CaseResult): string {
  const rows = result.lines.map(tableRow);
  const notes = result.notes.map((note) => `    ${note}`);
  return [`${result.title}  [${result.name}]`, ...rows, ...notes, ''].join('\n');
}

function tableRow(figure: Line): string {
  const cells = [
    `  ${figure.name}`.padEnd(NAME_COLUMNS),
    formatFigure(figure.value).padStart(FIGURE_COLUMNS),
    figure.unit.padEnd(UNIT_COLUMNS),
    `±${(scatter(figure) * 50).toFixed(0)} %`.padStart(6),
    targetText(figure).padStart(TARGET_COLUMNS),
    verdict(figure),
  ];
  return cells.join(' ').trimEnd();
}

export function targetText({ target }: Line): string {
  if (target === undefined) return '';
  return `${target.type === 'atLeast' ? '>=' : '<='} ${formatFigure(target.value)}`;
}

function verdict({ isMet }: Line): string {
  if (isMet === undefined) return '';
  return isMet ? 'pass' : 'MISS';
}

/** Whole numbers from a thousand on, three digits below. */
export function formatFigure(value: number): string {
  if (Math.abs(value) >= 1000) return Math.round(value).toLocaleString('en-US');
  return Number(value.toPrecision(3)).toString();
}

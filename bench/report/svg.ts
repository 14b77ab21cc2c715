// The charts of the report, as SVG text. Colours are classes, so that the page's style decides them for light and dark.
// Every bar starts at zero and carries its figure; nothing is told by colour alone.

import { formatFigure, targetText } from '../harness/print-table.js';
import type { Line } from '../harness/result.js';
import { spread } from '../harness/statistics.js';

const ROW = 26;
const LABEL_WIDTH = 250;
const PLOT_WIDTH = 430;
const FIGURE_WIDTH = 150;
const WIDTH = LABEL_WIDTH + PLOT_WIDTH + FIGURE_WIDTH;

/** One bar per line, all of one unit; a whisker spans the middle half of the rounds, a tick marks the target. */
export function barChart(lines: readonly Line[], label: string): string {
  const largest = Math.max(...lines.map((one) => Math.max(spread(one.rounds).high, one.target?.value ?? 0)));
  const x = (value: number): number => LABEL_WIDTH + (largest > 0 ? (value / largest) * PLOT_WIDTH : 0);
  const rows = lines.map((one, row) => barRow(one, row * ROW, x));
  return svg(lines.length * ROW + 4, label, rows.join(''));
}

function barRow(figure: Line, y: number, x: (value: number) => number): string {
  const { low, high } = spread(figure.rounds);
  const middle = y + ROW / 2;
  const from = x(0);
  const parts = [
    text(LABEL_WIDTH - 10, middle, figure.name, 'label end'),
    `<rect class="bar ${figure.role ?? 'ours'}" x="${from}" y="${y + 5}" width="${round(Math.max(1.5, x(figure.value) - from))}" height="${ROW - 10}" rx="3"><title>${escapeText(details(figure))}</title></rect>`,
    `<path class="whisker" d="M${round(x(low))} ${middle}H${round(x(high))}"/>`,
  ];
  if (figure.target !== undefined) {
    const at = round(x(figure.target.value));
    parts.push(`<path class="goal" d="M${at} ${y + 2}V${y + ROW - 2}"/>`);
  }
  const end = Math.max(x(high), x(figure.target?.value ?? 0)) + 8;
  parts.push(text(end, middle, `${formatFigure(figure.value)} ${figure.unit}`, 'figure'));
  return parts.join('');
}

/** From a fifth of its target to five times it: how much room each figure has. */
const FACTORS = [0.2, 0.5, 1, 2, 5];
const HEADROOM_LABEL_WIDTH = 330;
const HEADROOM_PLOT_WIDTH = 250;
const AXIS_HEIGHT = 26;

export interface HeadroomGroup {
  readonly title: string;
  /** Lines that have a target. */
  readonly lines: readonly Line[];
}

/** Every line that has a target, on one logarithmic scale: right of the line is better than asked for. */
export function headroomChart(groups: readonly HeadroomGroup[]): string {
  const first = FACTORS[0] as number; // the list is not empty
  const last = FACTORS.at(-1) as number;
  const x = (factor: number): number => {
    const within = Math.min(last, Math.max(first, factor));
    return HEADROOM_LABEL_WIDTH + (Math.log(within / first) / Math.log(last / first)) * HEADROOM_PLOT_WIDTH;
  };
  const rows: string[] = [];
  let y = AXIS_HEIGHT;
  for (const { title, lines } of groups) {
    rows.push(text(0, y + ROW / 2, title, 'group'));
    y += ROW;
    for (const line of lines) {
      rows.push(headroomRow(line, y, x));
      y += ROW;
    }
  }
  const height = y + 4;
  const grid = FACTORS.map((factor) => {
    const at = round(x(factor));
    const name = factor === 1 ? 'target' : `${factor} x`;
    return `<path class="${factor === 1 ? 'goal' : 'grid'}" d="M${at} ${AXIS_HEIGHT - 8}V${height}"/>${text(at, 8, name, 'axis middle')}`;
  });
  return svg(height, 'Each figure beside its target', grid.join('') + rows.join(''));
}

function headroomRow(line: Line, y: number, x: (factor: number) => number): string {
  const middle = y + ROW / 2;
  const at = round(x(headroom(line)));
  const state = line.isMet === true ? 'pass' : 'miss';
  const title = `<title>${escapeText(details(line))}</title>`;
  return [
    text(HEADROOM_LABEL_WIDTH - 12, middle, line.name, 'label end'),
    `<path class="stem ${state}" d="M${round(x(1))} ${middle}H${at}"/>`,
    line.isMet === true
      ? `<circle class="dot pass" cx="${at}" cy="${middle}" r="5.5">${title}</circle>`
      : `<rect class="dot miss" x="${at - 5}" y="${middle - 5}" width="10" height="10">${title}</rect>`,
    text(WIDTH - 100, middle, `${formatFigure(line.value)} ${unitText(line)}`, 'figure end'),
    text(WIDTH, middle, targetText(line), 'axis end'),
  ].join('');
}

/** How many times better than its target a figure is; below 1 it misses it. */
export function headroom({ value, target }: Line): number {
  if (target === undefined) throw new RangeError('Only a figure with a target has room to it.');
  return target.type === 'atLeast' ? value / target.value : target.value / value;
}

function unitText({ unit }: Line): string {
  return unit === 'ratio' ? 'x' : unit;
}

function details(figure: Line): string {
  const rounds = figure.rounds.map(formatFigure).join(' · ');
  return `${figure.name}: ${formatFigure(figure.value)} ${figure.unit}; rounds: ${rounds}`;
}

function svg(height: number, label: string, content: string): string {
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escapeText(label)}">${content}</svg>`;
}

function text(x: number, y: number, content: string, classes: string): string {
  return `<text class="${classes}" x="${round(x)}" y="${round(y)}">${escapeText(content)}</text>`;
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}

export function escapeText(content: string): string {
  return content
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}

// The charts: commits, latency of the disks, and lag, second by second. Drawn by uPlot; each has its newest values in words
// beside it, and lines differ in their dashes as well as in their colours.

import uPlot from 'uplot';
import { type Line, type Lines, linesOf, type SamplesOf } from '../model/series.js';
import { clockTime, milliseconds, short } from '../model/words.js';
import { byId, drawn, element, setAttribute, setText } from './element.js';

const HEIGHT = 168;
const DASHES: readonly number[][] = [
  [],
  [6, 3],
  [2, 3],
  [10, 3, 2, 3],
  [4, 6],
  [1, 4],
  [12, 4],
  [8, 2, 2, 2, 2, 2],
  [3, 3],
];

interface ChartKind {
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly format: (value: number) => string;
  readonly isLogarithmic: boolean;
  /** Lines by name. */
  readonly pick: (
    lines: Lines,
    ids: readonly number[],
  ) => [name: string, id: number | undefined, line: Line][];
}

const KINDS: readonly ChartKind[] = [
  {
    key: 'commits',
    title: 'Commits',
    unit: 'entries per second',
    format: short,
    isLogarithmic: false,
    pick: ({ commits }) => [['cluster', undefined, commits]],
  },
  {
    key: 'syncs',
    title: 'Sync latency',
    unit: '99th percentile of writes to the disk',
    format: milliseconds,
    isLogarithmic: true,
    pick: ({ syncs }, ids) => ids.map((id) => [`server ${id}`, id, syncs.get(id) ?? []]),
  },
  {
    key: 'lags',
    title: 'Replication lag',
    unit: 'entries behind the leader',
    format: short,
    isLogarithmic: false,
    pick: ({ lags }, ids) => ids.map((id) => [`server ${id}`, id, lags.get(id) ?? []]),
  },
];

export class Trends {
  readonly #charts: Chart[];

  constructor() {
    const box = byId('trends');
    this.#charts = KINDS.map((kind) => new Chart(kind, box));
  }

  show(samples: SamplesOf, ids: readonly number[], now: number, span: number): void {
    const lines = linesOf(samples, ids, now, span);
    for (const chart of this.#charts) chart.show(lines, ids);
  }

  /** Colours come from the sheet: another theme has others. */
  recolour(): void {
    for (const chart of this.#charts) chart.forget();
  }
}

class Chart {
  readonly #kind: ChartKind;
  readonly #plotBox = element('div', { class: 'plot', role: 'img' });
  readonly #legend = element('ul', { class: 'lines' });
  readonly #values = new Map<string, HTMLElement>();
  #plot: uPlot | undefined;
  #drawnFor = '';

  constructor(kind: ChartKind, box: HTMLElement) {
    this.#kind = kind;
    const heading = element('h3', {}, kind.title, ' ', element('span', { class: 'unit' }, kind.unit));
    const figure = element(
      'figure',
      { 'data-chart': kind.key },
      element('figcaption', {}, heading, this.#legend),
      this.#plotBox,
    );
    box.append(figure);
    new ResizeObserver(() =>
      this.#plot?.setSize({ width: this.#plotBox.clientWidth, height: HEIGHT }),
    ).observe(this.#plotBox);
  }

  forget(): void {
    this.#drawnFor = '';
  }

  show(lines: Lines, ids: readonly number[]): void {
    const picked = this.#kind.pick(lines, ids);
    const drawnFor = picked.map(([name]) => name).join();
    if (drawnFor !== this.#drawnFor || this.#plot === undefined) this.#begin(picked);
    this.#drawnFor = drawnFor;
    this.#plot?.setData([lines.seconds, ...picked.map(([, , line]) => line)]);
    const words = picked.map(([name, , line]) => [name, this.#newest(line)] as const);
    for (const [name, value] of words) {
      const place = this.#values.get(name);
      if (place !== undefined) setText(place, value);
    }
    const { title, unit } = this.#kind;
    setAttribute(
      this.#plotBox,
      'aria-label',
      `${title}, ${unit}. Now: ${words.map(([name, value]) => `${name} ${value}`).join(', ')}.`,
    );
  }

  #newest(line: Line): string {
    // The present second is not over yet.
    const value = line.slice(-4).findLast((one) => one !== null);
    return value == null ? '–' : this.#kind.format(value);
  }

  #begin(picked: readonly (readonly [string, number | undefined, Line])[]): void {
    this.#plot?.destroy();
    this.#values.clear();
    const items = picked.map(([name, id]) => {
      const value = element('b', {}, '–');
      this.#values.set(name, value);
      return element('li', {}, sample(id), `${name} `, value);
    });
    this.#legend.replaceChildren(...items);
    this.#plot = new uPlot(this.#options(picked), [[]], this.#plotBox);
  }

  #options(picked: readonly (readonly [string, number | undefined, Line])[]): uPlot.Options {
    const { format, isLogarithmic } = this.#kind;
    const ink = colour('--muted');
    const grid = { stroke: colour('--grid'), width: 1 };
    const font = `11px ${getComputedStyle(document.body).fontFamily}`;
    return {
      width: Math.max(this.#plotBox.clientWidth, 200),
      height: HEIGHT,
      padding: [8, 28, 0, 0],
      legend: { show: false },
      cursor: { show: false },
      scales: { x: { time: true }, y: isLogarithmic ? { distr: 3, range: decades } : { range: fromZero } },
      axes: [
        {
          stroke: ink,
          font,
          grid: { show: false },
          ticks: grid,
          size: 28,
          values: (_, dates, _axis, _space, step) => dates.map((date) => clockTime(date * 1000, step < 60)),
          space: 76,
        },
        {
          stroke: ink,
          font,
          grid,
          ...(isLogarithmic && { splits: wholeDecades }),
          ticks: { show: false },
          size: 62,
          values: (_, values) => values.map((value) => (value == null ? '' : format(value))),
        },
      ],
      series: [
        {},
        ...picked.map(([label, id]) => {
          const stroke = id === undefined ? colour('--accent') : serverColour(id);
          return {
            label,
            stroke,
            width: 1.75,
            dash: dashOf(id),
            points: { show: false },
            ...(id === undefined && { fill: colour('--accent-faint') }),
          };
        }),
      ],
    };
  }
}

/** From 0, and never so near that noise looks like a storm. */
function fromZero(_: uPlot, _least: number | null, most: number | null): uPlot.Range.MinMax {
  return [0, Math.max((most ?? 0) * 1.1, 10)];
}

/** Whole decades around what there is; a tenth of a millisecond to ten where there is nothing. */
function decades(_: uPlot, least: number | null, most: number | null): uPlot.Range.MinMax {
  const low = Math.floor(Math.log10(Math.max(least ?? 0.1, 0.001)));
  const high = Math.ceil(Math.log10(Math.max(most ?? 10, 0.01)));
  return [10 ** Math.min(low, -1), 10 ** Math.max(high, low + 1, 1)];
}

/** Lines at whole decades only: the steps between are as many as they are useless. */
function wholeDecades(_: uPlot, _axis: number, least: number, most: number): number[] {
  const low = Math.ceil(Math.log10(least) - 0.01);
  const high = Math.floor(Math.log10(most) + 0.01);
  return Array.from({ length: high - low + 1 }, (_value, nth) => 10 ** (low + nth));
}

function dashOf(id: number | undefined): number[] {
  return id === undefined ? [] : (DASHES[(id - 1) % DASHES.length] ?? []);
}

function serverColour(id: number): string {
  return colour(`--server-${((id - 1) % 9) + 1}`);
}

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The line as it is drawn, beside its name. */
function sample(id: number | undefined): SVGSVGElement {
  const stroke = id === undefined ? colour('--accent') : serverColour(id);
  const path = drawn('path', { d: 'M0 5H26', stroke, 'stroke-dasharray': dashOf(id).join(' ') });
  return drawn('svg', { class: 'line-key', 'aria-hidden': 'true' }, path);
}

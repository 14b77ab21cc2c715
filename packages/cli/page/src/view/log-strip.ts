// The log of one server as a strip: above, what its newest snapshot holds; below, the log itself with what is compacted,
// applied, committed, staged and missing; a mark where it is durable. Told apart by patterns and borders, not only by
// colours, and told in words to whoever does not see it.

import type { LogReport } from '../../../src/dashboard/report.js';
import { type Stretch, type StripScale, stripParts } from '../model/strip-scale.js';
import { whole } from '../model/words.js';
import { drawn, percent, setAttribute } from './element.js';

/** Heights, in pixels; the sheet gives the strip as many. */
const SNAPSHOT = { y: '0', height: '7' };
const LOG = { y: '10', height: '20' };

const PARTS = ['gone', 'applied', 'committed', 'staged', 'missing'] as const;
const PATTERNS = { gone: 'url(#dots)', committed: 'url(#bars)', snapshot: 'url(#hatch)' } as const;

type Part = (typeof PARTS)[number] | 'snapshot';

export class LogStrip {
  readonly svg: SVGSVGElement;
  readonly #rects = new Map<Part, SVGRectElement[]>();
  readonly #durable: SVGPathElement;
  readonly #durableAt: SVGSVGElement;

  constructor() {
    this.svg = drawn('svg', { class: 'strip', role: 'img' });
    this.#add('snapshot', SNAPSHOT);
    for (const part of PARTS) this.#add(part, LOG);
    this.#durable = drawn('path', { class: 'durable', d: 'M0 31 l4 7 h-8 z' });
    // A box of its own, so that the mark can stand at a share of the width.
    this.#durableAt = drawn('svg', { x: '0', overflow: 'visible' }, this.#durable);
    this.svg.append(this.#durableAt);
  }

  show(id: number, log: LogReport, scale: StripScale): void {
    const parts = stripParts(log, scale);
    for (const [part, rects] of this.#rects) for (const rect of rects) place(rect, parts[part]);
    setAttribute(this.#durableAt, 'x', percent(scale.at(log.durableIndex)));
    setAttribute(this.svg, 'aria-label', describeLog(id, log));
  }

  #add(part: Part, at: { readonly y: string; readonly height: string }): void {
    const rects = [drawn('rect', { ...at, class: part })];
    if (part in PATTERNS) rects.push(drawn('rect', { ...at, fill: PATTERNS[part as keyof typeof PATTERNS] }));
    this.#rects.set(part, rects);
    this.svg.append(...rects);
  }
}

function place(rect: SVGRectElement, { from, to }: Stretch): void {
  setAttribute(rect, 'x', percent(from));
  setAttribute(rect, 'width', percent(Math.max(to - from, 0)));
}

function describeLog(id: number, log: LogReport): string {
  const { snapshotIndex, firstIndex, appliedIndex, commitIndex, durableIndex, lastIndex } = log;
  const snapshot = snapshotIndex === 0 ? 'no snapshot' : `snapshot through ${whole(snapshotIndex)}`;
  const first = firstIndex <= 1 ? 'nothing compacted' : `compacted before ${whole(firstIndex)}`;
  return `Log of server ${id}: ${snapshot}, ${first}, applied through ${whole(appliedIndex)}, committed through ${whole(commitIndex)}, durable through ${whole(durableIndex)}, last entry ${whole(lastIndex)}.`;
}

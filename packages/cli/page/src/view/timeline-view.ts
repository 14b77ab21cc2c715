// Who led when: a lane for each server, a bar for each term, and the times without a leader across all of them.

import type { DashboardState } from '../../../src/dashboard/report.js';
import { changesOf, describeTimeline, timelineOf } from '../model/timeline.js';
import { clockTime } from '../model/words.js';
import { byId, element, percent, setAttribute } from './element.js';

const CHANGES_SHOWN = 8;

export class TimelineView {
  readonly #box = byId('timeline');
  readonly #list = byId('changes');
  #told = '';

  show({ spells, servers }: DashboardState, now: number, spanSeconds: number): void {
    const spanMs = spanSeconds * 1000;
    const { bars, gaps, ticks } = timelineOf(spells, now, spanMs);
    const ids = [...new Set([...servers.map(({ id }) => id), ...bars.map(({ leader }) => leader)])].sort(
      (a, b) => a - b,
    );
    const lanes = ids.map((id) =>
      element(
        'div',
        { class: 'lane' },
        element('span', { class: 'lane-name' }, `Server ${id}`),
        element(
          'div',
          { class: 'lane-time' },
          ...gaps.map((gap) => stretch('gap', gap)),
          ...bars
            .filter(({ leader }) => leader === id)
            .map((bar) => stretch(bar.lasts ? 'bar lasts' : 'bar', bar, `term ${bar.term}`)),
        ),
      ),
    );
    const times = ticks.map(({ date, at }) => {
      const tick = element('span', { class: 'time' }, clockTime(date, spanSeconds < 300));
      tick.style.left = percent(at);
      return tick;
    });
    const axis = element(
      'div',
      { class: 'lane times' },
      element('span', { class: 'lane-name' }),
      element('div', { class: 'lane-time' }, ...times),
    );
    this.#box.replaceChildren(...lanes, axis);
    setAttribute(this.#box, 'aria-label', describeTimeline(spells, now, spanMs));
    this.#showChanges(changesOf(spells, now, CHANGES_SHOWN));
  }

  #showChanges(changes: readonly { readonly date: number; readonly text: string }[]): void {
    const told = JSON.stringify(changes);
    if (told === this.#told) return;
    this.#told = told;
    const items = changes.map(({ date, text }) =>
      element(
        'li',
        {},
        element('time', { datetime: new Date(date).toISOString() }, clockTime(date)),
        ' ',
        text,
      ),
    );
    this.#list.replaceChildren(...items);
  }
}

function stretch(
  kind: string,
  { from, to }: { readonly from: number; readonly to: number },
  text = '',
): HTMLElement {
  const made = element('span', { class: kind }, text);
  made.style.left = percent(from);
  made.style.width = percent(to - from);
  return made;
}

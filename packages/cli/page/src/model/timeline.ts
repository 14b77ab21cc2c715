// Who led when, ready to be drawn and to be read aloud: spells of leaders, and the gaps between them.

import type { Spell } from '../../../src/dashboard/report.js';
import { clockTime, duration } from './words.js';

export interface Bar {
  readonly term: number;
  readonly leader: number;
  /** Within the time that is shown, from 0 to 1. */
  readonly from: number;
  readonly to: number;
  readonly lasts: boolean;
}

export interface Gap {
  readonly from: number;
  readonly to: number;
}

export interface Timeline {
  readonly bars: readonly Bar[];
  /** Nobody led, as far as anybody saw; what was before the first leader that is known is no gap. */
  readonly gaps: readonly Gap[];
  readonly ticks: readonly { readonly date: number; readonly at: number }[];
}

const TICKS = 5;

/** `spells` by rising terms; the last `spanMs` before `now` are shown. */
export function timelineOf(spells: readonly Spell[], now: number, spanMs: number): Timeline {
  const at = (date: number): number => Math.min(Math.max((date - (now - spanMs)) / spanMs, 0), 1);
  const bars = spells
    .map(({ term, leader, from, to }) => ({
      term,
      leader,
      from: at(from),
      to: at(to ?? now),
      lasts: to === undefined,
    }))
    .filter(({ to, lasts }) => to > 0 || lasts);
  const gaps = gapsBetween(spells, now)
    .map(({ from, to }) => ({ from: at(from), to: at(to) }))
    .filter(({ to }) => to > 0);
  const ticks = Array.from({ length: TICKS + 1 }, (_, nth) => {
    const date = now - spanMs + (spanMs * nth) / TICKS;
    return { date, at: nth / TICKS };
  });
  return { bars, gaps, ticks };
}

function gapsBetween(spells: readonly Spell[], now: number): { from: number; to: number }[] {
  const found: { from: number; to: number }[] = [];
  for (const [nth, { to }] of spells.entries()) {
    const next = spells[nth + 1]?.from ?? now;
    if (to !== undefined && next > to) found.push({ from: to, to: next });
  }
  return found;
}

export interface Change {
  readonly date: number;
  readonly text: string;
}

/** Newest first. */
export function changesOf(spells: readonly Spell[], now: number, most: number): Change[] {
  const changes: Change[] = [];
  for (const [nth, { term, leader, from, to }] of spells.entries()) {
    const before = spells[nth - 1];
    const gap = before?.to === undefined ? 0 : from - before.to;
    const none = gap > 0 ? ` and ${duration(gap)} in which none was known` : '';
    const after = before === undefined ? '' : `, after server ${before.leader} in term ${before.term}${none}`;
    const isAgain = before?.leader === leader;
    changes.push({
      date: from,
      text: `Server ${leader} ${isAgain ? 'leads again' : 'leads'}, in term ${term}${after}.`,
    });
    if (to !== undefined && nth === spells.length - 1 && to < now)
      changes.push({ date: to, text: `Server ${leader} leads no more; none is known since.` });
  }
  return changes.reverse().slice(0, most);
}

/** The timeline in words. */
export function describeTimeline(spells: readonly Spell[], now: number, spanMs: number): string {
  const shown = spells.filter(({ to }) => to === undefined || to > now - spanMs);
  const words = shown.map(({ leader, term, from, to }) => {
    const until = to === undefined ? 'until now' : `to ${clockTime(to)}`;
    const since = from <= now - spanMs ? 'from before' : `from ${clockTime(from)}`;
    return `server ${leader} in term ${term} ${since} ${until}`;
  });
  return words.length === 0 ? 'No leader was seen.' : `Leaders: ${words.join('; ')}.`;
}

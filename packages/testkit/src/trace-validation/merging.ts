// One trace out of the files of several servers: the lines of each stay in their order, and nothing is received before
// it was sent. Among the lines that may come next, the one with the earliest clock does; clocks may differ, the order is
// causal all the same.

import { keyOf } from './messages.js';
import type { LineEvent } from './trace-line.js';

export interface TimedLine {
  readonly event: LineEvent;
  readonly ts?: number;
}

/**
 * The lines of `files` in a causal order. A message that no file says was sent holds nothing up: its receipt comes when
 * its clock says, and is for the validator to refuse.
 */
export function* mergeTraces(files: readonly (readonly TimedLine[])[]): Generator<TimedLine> {
  const everSent = new Set(files.flatMap((lines) => lines.map(sentKey)));
  const sent = new Set<string | undefined>();
  const next = files.map(() => 0);
  const mayCome = ({ event }: TimedLine): boolean => {
    if (event.msg === undefined || !event.name.startsWith('Receive')) return true;
    const key = keyOf(event.msg);
    return sent.has(key) || !everSent.has(key);
  };
  for (;;) {
    let chosen: number | undefined;
    for (const [i, lines] of files.entries()) {
      const line = lines[next[i] ?? 0];
      if (line === undefined || !mayCome(line)) continue;
      const best = chosen === undefined ? undefined : files[chosen]?.[next[chosen] ?? 0];
      if (best === undefined || (line.ts ?? 0) < (best.ts ?? 0)) chosen = i;
    }
    // Only a message that was sent after its own receipt could hold up every file.
    chosen ??= files.findIndex((lines, i) => (next[i] ?? 0) < lines.length);
    const line = files[chosen]?.[next[chosen] ?? 0];
    if (line === undefined) return;
    next[chosen] = (next[chosen] ?? 0) + 1;
    const key = sentKey(line);
    if (key !== undefined) sent.add(key);
    yield line;
  }
}

function sentKey({ event }: TimedLine): string | undefined {
  return event.msg !== undefined && event.name.startsWith('Send') ? keyOf(event.msg) : undefined;
}

// Lives of a log in processes of their own, each ended from outside.

import { SeededRandom } from '@waldb/testkit';
import type { Program } from './program.js';

/**
 * When a life ends: a moment after a number of acknowledgements, both drawn up to these limits; or a moment after it has
 * begun to open its log; or in the middle of a change of its files, which needs a journal. Counted in what it did, so
 * that a busy machine sees as much of it as an idle one.
 */
export type End =
  | { readonly after: 'acknowledgements'; readonly countMax: number; readonly withinMs: number }
  | { readonly after: 'ready'; readonly withinMs: number }
  | { readonly after: 'changes'; readonly countMax: number };

/** Takes in what a process tells, line by line. Throws where it is wrong. */
export interface Listener {
  hear(line: string, seed: number): void;
  /** The process has ended. */
  end(): void;
}

export interface Life {
  readonly directory: string;
  readonly journal?: string;
  readonly seed: number;
  readonly end: End;
  readonly signal: 'SIGKILL' | 'SIGTERM';
  /** For the process. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** One process of the program of load, from its start to its end; what it tells goes to the judge. */
export async function live(program: Program, judge: Listener, life: Life): Promise<string> {
  const { directory, journal, seed, end, signal, environment = {} } = life;
  const random = new SeededRandom(seed);
  const journalArgs = journal === undefined ? [] : [journal];
  if (end.after === 'changes') journalArgs.push(String(random.between(1, end.countMax)));
  const { child, lines, ended } = program.start([directory, String(seed), ...journalArgs], { environment });
  const word = end.after === 'ready' ? 'ready' : 'durable';
  let left = end.after === 'acknowledgements' ? random.between(1, end.countMax) : 1;
  try {
    for await (const line of lines) {
      judge.hear(line, seed);
      if (end.after === 'changes' || !line.startsWith(word)) continue;
      left -= 1;
      // Not a wait for anything: the moment is meant to be any moment.
      if (left === 0) setTimeout(() => child.kill(signal), random.below(end.withinMs * 100) / 100);
    }
  } catch (error) {
    child.kill('SIGKILL'); // nobody listens to it any more
    await ended;
    throw error;
  }
  const how = await ended;
  judge.end();
  return how;
}

// Lives of a log in processes of their own, each ended from outside.

import { SeededRandom } from '@waldb/testkit';
import type { Judge } from './judge.js';
import type { Program } from './program.js';

/** From when on a life ends at any moment; while the log is being opened, or under load. */
export type Phase = { readonly after: 'ready' | 'open'; readonly withinMs: number };

/** One process of the program of load, from its start to its end; what it tells goes to the judge. */
export async function live(
  program: Program,
  judge: Judge,
  life: {
    readonly directory: string;
    readonly journal?: string;
    readonly seed: number;
    readonly phase: Phase;
    readonly signal: 'SIGKILL' | 'SIGTERM';
  },
): Promise<string> {
  const { child, lines, ended } = program.start([
    life.directory,
    String(life.seed),
    ...(life.journal ? [life.journal] : []),
  ]);
  const random = new SeededRandom(life.seed);
  let isDoomed = false;
  for await (const line of lines) {
    judge.hear(line, life.seed);
    if (isDoomed || !line.startsWith(life.phase.after)) continue;
    isDoomed = true;
    // Not a wait for anything: the moment is meant to be any moment.
    setTimeout(() => child.kill(life.signal), random.below(life.phase.withinMs * 100) / 100);
  }
  const how = await ended;
  judge.end();
  return how;
}

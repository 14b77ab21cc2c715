// What a crash took: counted for the coverage, told in the trace.

import type { ServerView } from '../invariants/invariant.js';
import type { Coverage } from './coverage.js';
import type { CrashReport } from './simulated-log.js';

export function countLosses({ stagedCount, lost, isCut }: CrashReport, coverage: Coverage): void {
  if (lost.length > 0) coverage.hit('lost undurable suffix');
  if (lost.length < stagedCount) coverage.hit('staged beyond durable survived a crash');
  if (isCut) coverage.hit('append cut in two by a crash');
  const lostVote = lost.some(
    (operation) => operation.type === 'hardState' && operation.state.votedFor !== undefined,
  );
  if (lostVote) coverage.hit('lost staged vote');
}

export function describeLosses({ id, stable }: ServerView, { stagedCount, lost }: CrashReport): string {
  return (
    `S${id} crashed: ${stagedCount} operations were not durable, ${lost.length} are lost; ` +
    `kept log ..${stable.lastIndex}/t${stable.lastTerm} in t${stable.hardState.term}`
  );
}

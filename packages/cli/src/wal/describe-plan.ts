// What a repair keeps and what it gives up, in words that leave no doubt.

import type { Inspection, RepairPlan } from '@waldb/wal';
import type { Palette } from '../terminal/palette.js';
import { count } from '../terminal/quantities.js';
import { describeDamage, formatRange, wordsFor } from './describe-inspection.js';

export interface PlanChoice {
  readonly keepLogId: boolean;
  /** Where the damaged log is kept. */
  readonly aside: string;
}

export function describePlan(
  inspection: Inspection,
  plan: RepairPlan,
  choice: PlanChoice,
  palette: Palette,
): string[] {
  const { damages, kind, directory } = inspection;
  const lines = [`${palette.bold(directory)} is ${palette.red('damaged')}:`];
  for (const damage of damages) lines.push(`  ${describeDamage(damage, kind)}`);
  lines.push('', palette.bold('A repair keeps'), ...describeKept(plan).map((line) => `  ${line}`));
  lines.push('', palette.bold('and gives up'));
  const givenUp = describeGivenUp(plan);
  if (givenUp.length === 0)
    lines.push(`  ${palette.green('nothing')}: all that was ever acknowledged is kept`);
  else lines.push(...givenUp.map((line) => palette.red(`  ${line}`)));
  lines.push('', ...describeIdentity(plan, choice, palette), `The damaged log is kept as ${choice.aside}.`);
  return lines;
}

function describeKept({ start, lastIndex, hardState, snapshot, log }: RepairPlan): string[] {
  const { entry, entries } = wordsFor(log.kind);
  const kept = lastIndex - start.index;
  const range = { first: start.index + 1, last: lastIndex };
  const lines = [kept === 0 ? `no ${entry}` : `${count(kept, entry, entries)}, ${formatRange(range)}`];
  if (log.kind === 'plain') return lines;
  if (snapshot !== undefined) lines.push(`the snapshot of index ${snapshot.index}, term ${snapshot.term}`);
  const vote = hardState.votedFor === undefined ? 'no vote' : `a vote for server ${hardState.votedFor}`;
  lines.push(`the hard state: term ${hardState.term}, ${vote}, the newest that was found`);
  return lines;
}

function describeGivenUp(plan: RepairPlan): string[] {
  const { unreadable, abandoned, lostSnapshot, mayLoseVote, log, lastIndex } = plan;
  const { entry, entries, index } = wordsFor(log.kind);
  const lines = unreadable.map((lost) => `${index} ${formatRange(lost)}, which cannot be read`);
  if (lostSnapshot !== undefined) {
    const isNeeded = lastIndex === 0 && abandoned.length > 0;
    const effect = isNeeded
      ? `: without it no ${entry} behind it is of use`
      : `; the ${entries} that made it are all there`;
    lines.push(`the snapshot of index ${lostSnapshot.index}, which ${lostSnapshot.why}${effect}`);
  }
  for (const range of abandoned) {
    const number = range.last - range.first + 1;
    lines.push(
      `${index} ${formatRange(range)} (${count(number, entry, entries)}), which can be read but may not be used without what is missing`,
    );
  }
  if (mayLoseVote) lines.push('perhaps a vote: a newer one than the hard state above may be lost');
  if (lines.length === 0 && !plan.losesNothing)
    lines.push('perhaps more: frames are missing, and nothing says what was in them');
  return lines;
}

/** What to say once it is done. */
export function describeDone(directory: string, aside: string, { abandoned }: RepairPlan): string[] {
  const [first] = abandoned;
  return [
    '',
    `Repaired: ${directory}. The damaged log is in ${aside}; delete it once you are sure.`,
    ...(first === undefined
      ? []
      : [`What was given up and can be read: waldb wal dump ${aside} --from ${first.first}`]),
  ];
}

function describeIdentity(plan: RepairPlan, { keepLogId }: PlanChoice, palette: Palette): string[] {
  const { logId, kind } = plan.log;
  if (plan.losesNothing)
    return [`The log keeps its id, ${logId}: it is the same log, and its server may go on.`];
  if (kind === 'plain') {
    return [
      keepLogId
        ? `The log keeps its id, ${logId}.`
        : `The log gets a new id instead of ${logId}: it is not the same log any more.`,
    ];
  }
  if (!keepLogId) {
    return [
      `The log gets a new id instead of ${logId}, so its server will refuse to start with it: one that has lost what it`,
      'acknowledged must not vote. Remove the server from the cluster and add a new one with an empty directory; it',
      'fetches everything from the others. Only a server that is alone may go on with --keep-log-id.',
    ];
  }
  return [
    palette.red('WARNING: the log keeps its id although something acknowledged is lost.'),
    palette.red(
      'If this server is not alone in its cluster, that can elect two leaders or undo what clients were told is',
    ),
    palette.red(
      'done, on every server. Only go on if there is no other server and never was one that may come back.',
    ),
  ];
}

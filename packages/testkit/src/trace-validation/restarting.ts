// Lives begin. The first with an empty disk; a later one with a state that the disk may have kept, or one that a last
// step reached of which no line tells (docs/trace-format.md, sections 2 and 4).

import { type Entries, type Log, lastTermOf, lengthOf, termAt } from './log-chain.js';
import type { Messages } from './messages.js';
import { isRefusal, type Outcome, type Refusal } from './outcome.js';
import { commitTo, refuse } from './own-actions.js';
import { extended, received } from './receiving.js';
import {
  asCandidate,
  born,
  confDifference,
  confIndexOf,
  confOf,
  describeConf,
  type Kept,
  type ServerState,
  staged,
  survivors,
} from './server-state.js';
import { type LineEvent, NOBODY } from './trace-line.js';

/** The first life: nobody knows it yet, so it brings nothing. */
export function begin(event: LineEvent): Outcome {
  const { nid, state, log, conf, learners, role } = event;
  if (state.term !== 0 || state.vote !== NOBODY || log !== 0 || state.commit !== 0)
    return refuse('init', 'a trace begins with an empty disk', `term ${state.term}, ${log} entries`);
  if (role !== 'StateFollower') return refuse('init', 'a life begins as a follower', role);
  const baseConf = { voters: conf[0], votersOutgoing: conf[1], learners };
  return [born(nid, { term: 0, vote: NOBODY, log: undefined, baseConf, snapshotCommit: 0 }, 0)];
}

/** Restart(i). */
export function restart(
  former: readonly ServerState[],
  event: LineEvent,
  { entries, messages }: { readonly entries: Entries; readonly messages: Messages },
): Outcome {
  if (event.role !== 'StateFollower') return refuse('restart', 'a life begins as a follower', event.role);
  const direct = former.flatMap((state) => matching(survivors(state), state.commit, event));
  if (direct.length > 0) return distinct(direct);
  const unobserved = former.flatMap((state) =>
    unobservedSteps(state, event, { entries, messages }).flatMap((next) =>
      matching(survivors(next), Math.max(next.commit, next.commitBound), event),
    ),
  );
  return unobserved.length > 0 ? distinct(unobserved) : wrongRestart(former, event);
}

/** Several ways may lead to one state; the same index and term is the same log. */
function distinct(states: readonly ServerState[]): ServerState[] {
  const byState = new Map(
    states.map((state) => {
      const { log, baseConf, snapshotCommit } = state;
      return [`${lengthOf(log)}/${lastTermOf(log)}/${snapshotCommit}/${describeConf(baseConf)}`, state];
    }),
  );
  return [...byState.values()];
}

/** Those of `kept` that the line shows, as a new life. */
function matching(kept: readonly Kept[], commitMax: number, event: LineEvent): ServerState[] {
  const { state, nid, log } = event;
  const same = kept.filter(
    (one) =>
      one.term === state.term &&
      one.vote === state.vote &&
      lengthOf(one.log) === log &&
      state.commit >= one.snapshotCommit &&
      state.commit <= Math.max(commitMax, one.snapshotCommit) &&
      hasTerms(one.log, event) &&
      confDifference(one, event) === undefined,
  );
  return same.map((one) => born(nid, one, state.commit));
}

/** Whether the entries have the terms that the line lists. */
function hasTerms(log: Log, { prop, log: last }: LineEvent): boolean {
  const { first, terms } = prop ?? {};
  if (typeof first !== 'number' || !Array.isArray(terms)) return true; // it lists none
  let index = last + 1;
  for (const [term, count] of (terms as [number, number][]).toReversed()) {
    index -= count;
    if (termAt(log, index) !== term || termAt(log, index + count - 1) !== term) return false;
  }
  return index === first || terms.length === 0;
}

/** Where one more step could have led: a campaign, a message that was sent to it, an append of a leader. */
function unobservedSteps(
  state: ServerState,
  event: LineEvent,
  { entries, messages }: { readonly entries: Entries; readonly messages: Messages },
): ServerState[] {
  const reached = messages
    .sentTo(state.name)
    .filter(({ message }) => message.term >= state.term && message.term <= event.state.term)
    .flatMap((sent) => received(state, sent).states);
  if (state.role !== 'StateLeader') {
    const candidate = asCandidate(state);
    reached.push(candidate);
    // `timeoutNow` of a later term: enters it, then campaigns.
    reached.push(...reached.filter((next) => next.term + 1 === event.state.term).map(asCandidate));
  }
  reached.push(state);
  return [...reached, ...reached.flatMap((next) => ledOn(next, event, entries))];
}

/** A leader, or a candidate that had just won, that appended to its log. */
function ledOn(state: ServerState, event: LineEvent, entries: Entries): ServerState[] {
  const count = event.log - lengthOf(state.log);
  if (state.role === 'StateFollower' || count <= 0 || !endsWith(event, state.term, count)) return [];
  const isChange = confDifference(state, event) !== undefined;
  if (isChange && !mayChange(state)) return [];
  const conf = { voters: event.conf[0], votersOutgoing: event.conf[1], learners: event.learners };
  const log = extended(entries, state.log, { term: state.term, count, ...(isChange ? { conf } : {}) });
  return log === undefined ? [] : [staged(state, { log })];
}

/** Whether the last entries that the line lists are of this term: none is made up that the disk does not have. */
function endsWith({ prop }: LineEvent, term: number, count: number): boolean {
  const terms = prop?.terms;
  if (!Array.isArray(terms)) return true; // it lists none
  const last = (terms as [number, number][]).at(-1);
  return last !== undefined && last[0] === term && last[1] >= count;
}

/** A configuration follows one that is committed, perhaps by the message of the same step. */
function mayChange(state: ServerState): boolean {
  const at = confIndexOf(state);
  return at <= state.commit || !isRefusal(commitTo(state, at));
}

function wrongRestart(former: readonly ServerState[], { state, log, conf }: LineEvent): Refusal {
  const kept = former.flatMap(survivors).map(describeKept);
  return refuse(
    'restart',
    `a crash brings back one of: ${[...new Set(kept)].join('; ')}`,
    `term ${state.term}, vote ${state.vote}, ${log} entries, commit ${state.commit}, voters ${conf[0].join(' ')}`,
  );
}

function describeKept(kept: Kept): string {
  return `term ${kept.term}, vote ${kept.vote}, ${lengthOf(kept.log)} entries, voters ${confOf(kept).voters.join(' ')}`;
}

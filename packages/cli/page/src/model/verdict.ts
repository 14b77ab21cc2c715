// How the cluster is, in one line and one sentence: what an operator wants to know first. Must never call anything well
// that is not known to be.

import type { DashboardState, ServerView } from '../../../src/dashboard/report.js';
import { capital, duration, servers } from './words.js';

export interface Verdict {
  readonly mood: 'well' | 'warned' | 'down' | 'unknown';
  readonly title: string;
  readonly more: string;
}

/** How the page and its server are connected. */
export type Link =
  | { readonly kind: 'connecting' }
  | { readonly kind: 'live' }
  /** `since`: by the clock of `performance.now`. */
  | { readonly kind: 'lost'; readonly since: number; readonly why: string | undefined };

export function verdictOf(state: DashboardState | undefined, link: Link, now: number): Verdict {
  if (link.kind === 'lost') {
    const age =
      state === undefined ? '' : ` What is shown below is how things were ${duration(now - link.since)} ago.`;
    const why = link.why ?? 'This server does not answer any more; trying again.';
    return { mood: 'unknown', title: 'Connection lost', more: `${why}${age}` };
  }
  if (state === undefined) return { mood: 'unknown', title: 'Connecting', more: '' };
  const own = state.servers.find(({ id }) => id === state.id);
  if (own?.report?.trouble?.startsWith('stopped')) return stopped(state);
  if (own?.kind === 'outside') return outside(state, own);
  return state.isServing ? serving(state) : down(state);
}

function serving(state: DashboardState): Verdict {
  const { leader, term, voters, votersPresent, servers: views, isJoint } = state;
  const more: string[] = [`Server ${leader} leads in term ${term}`];
  const missing = voters - votersPresent;
  if (missing === 0) more.push(voters === 1 ? 'alone' : `all ${voters} voters are there`);
  else more.push(lossesLeft(voters, votersPresent));
  if (isJoint) more.push('a change of members is under way');
  const troubled = views.filter(({ report, reach }) => reach !== 'away' && report?.trouble !== undefined);
  const away = views.filter(({ reach }) => reach === 'away');
  if (away.length > 0) more.push(`${servers(away.map(({ id }) => id))} cannot be asked from here`);
  more.push(...troubled.map(({ id, report }) => `server ${id}: ${report?.trouble}`));
  const isWell = missing === 0 && troubled.length === 0 && away.length === 0;
  return {
    mood: isWell ? 'well' : 'warned',
    title: missing === 0 ? 'Serving' : `Serving, with ${votersPresent} of ${voters} voters`,
    more: `${more.join('; ')}.`,
  };
}

function lossesLeft(voters: number, present: number): string {
  const left = present - (Math.floor(voters / 2) + 1);
  if (left <= 0) return 'one more loss, and nothing is committed';
  return `${left} more may be lost`;
}

function down(state: DashboardState): Verdict {
  const { leader, term, voters, votersPresent, servers: views } = state;
  const majority = Math.floor(voters / 2) + 1;
  if (votersPresent < majority)
    return {
      mood: 'down',
      title: 'No majority',
      more: `${votersPresent} of ${voters} voters are there, ${majority} are needed: nothing is committed until then.`,
    };
  const leading = views.find(({ id }) => id === leader);
  if (leader === undefined || leading === undefined)
    return {
      mood: 'down',
      title: 'No leader',
      more: `An election is under way, in term ${term}. Commands wait.`,
    };
  if (leading.reach === 'away')
    return {
      mood: 'down',
      title: 'The leader is away',
      more: `Server ${leader} led in term ${term} and cannot be asked: ${leading.why}. If the others lose it too, they elect another.`,
    };
  const { report } = leading;
  if (report?.trouble !== undefined)
    return {
      mood: 'down',
      title: 'The leader is in trouble',
      more: `Server ${leader} leads in term ${term}: ${report.trouble}.`,
    };
  if (leading.reach === 'unasked')
    return {
      mood: 'unknown',
      title: 'The leader cannot be asked',
      more: `Server ${leader} leads in term ${term} and has no admin port that is known here.`,
    };
  return {
    mood: 'down',
    title: 'Not serving yet',
    more: `Server ${leader} leads in term ${term}, and has committed nothing in it.`,
  };
}

function outside(state: DashboardState, { report }: ServerView): Verdict {
  return {
    mood: 'warned',
    title: 'Not a member',
    more: `Server ${state.id} ${report?.trouble ?? 'is in no cluster'}: look at one that is in it.`,
  };
}

function stopped(state: DashboardState): Verdict {
  const own = state.servers.find(({ id }) => id === state.id);
  return {
    mood: 'down',
    title: capital(`server ${state.id} has stopped`),
    more: `It takes no part any more (${own?.report?.trouble}): look at its log, then start it again.`,
  };
}

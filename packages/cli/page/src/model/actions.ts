// What can be done with a server, and what that means, said before it is done.

import type { Action, DashboardState, ServerView } from '../../../src/dashboard/report.js';

export interface Offer {
  readonly action: Action;
  readonly id: number;
  /** On the button. */
  readonly label: string;
  readonly title: string;
  /** What will happen, in whole sentences. */
  readonly text: string;
  readonly isGrave: boolean;
}

export function offersFor(view: ServerView, state: DashboardState): Offer[] {
  const { id, kind, reach } = view;
  const isLeader = state.leader === id;
  const isHere = reach === 'self' || reach === 'answers';
  const offers: (Offer | false)[] = [
    isHere && kind === 'voter' && !isLeader && transfer(id, state),
    isHere && snapshot(id),
    kind === 'learner' && promote(id, state),
    kind === 'voter' && state.voters > 1 && demote(id, isLeader, state),
    (kind === 'learner' || (kind === 'voter' && state.voters > 1)) && remove(view, isLeader, state),
  ];
  return offers.filter((offer) => offer !== false);
}

function transfer(id: number, { leader }: DashboardState): Offer {
  return {
    ...{ action: 'transfer', id, isGrave: false },
    label: 'Make leader',
    title: `Hand leadership to server ${id}?`,
    text: `Server ${leader ?? '?'} takes no new commands for a moment, lets server ${id} catch up, and has it elected. If that fails within an election timeout, it goes on leading. Nothing is lost.`,
  };
}

function snapshot(id: number): Offer {
  return {
    ...{ action: 'snapshot', id, isGrave: false },
    label: 'Take snapshot',
    title: `Take a snapshot on server ${id}?`,
    text: `Server ${id} saves its state and gives up the log before it. It goes on serving meanwhile; its disk has more to write for a while.`,
  };
}

function promote(id: number, state: DashboardState): Offer {
  const voters = state.voters + 1;
  return {
    ...{ action: 'promote', id, isGrave: false },
    label: 'Promote to voter',
    title: `Make server ${id} a voter?`,
    text: `There are ${voters} voters then, of which ${majority(voters)} have to agree to every command. It is refused while server ${id} is too far behind.`,
  };
}

function demote(id: number, isLeader: boolean, state: DashboardState): Offer {
  const voters = state.voters - 1;
  return {
    ...{ action: 'demote', id, isGrave: true },
    label: 'Demote to learner',
    title: `Make server ${id} a learner?`,
    text: `It goes on receiving the log, and its voice counts no more. ${afterwards(voters)}${isLeader ? ' It leads now: another server is elected.' : ''}`,
  };
}

function remove({ id, kind }: ServerView, isLeader: boolean, state: DashboardState): Offer {
  const rest = kind === 'voter' ? ` ${afterwards(state.voters - 1)}` : '';
  return {
    ...{ action: 'remove', id, isGrave: true },
    label: 'Remove',
    title: `Remove server ${id} from the cluster?`,
    text: `It receives nothing any more and can be stopped. To come back it has to be wiped and added again.${rest}${isLeader ? ' It leads now: another server is elected.' : ''}`,
  };
}

function afterwards(voters: number): string {
  if (voters === 1) return 'One voter is left, and none may be lost.';
  const spare = voters - majority(voters);
  const loss = spare === 0 ? 'none of them may be lost' : `${spare} of them may be lost`;
  return `${voters} voters are left, and ${loss}.`;
}

function majority(voters: number): number {
  return Math.floor(voters / 2) + 1;
}

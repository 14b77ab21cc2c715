// What a driver is told must be all there is to know: every change of role, term, leader, commit index and
// configuration comes with the action that says so, and no action says what is not.

import type { Action, Configuration, Index, NodeId, Role, Term } from '@waldb/core';
import { sameConfiguration } from './configuration-in-force.js';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

interface Told {
  role: Role;
  term: Term;
  leader: NodeId | undefined;
  commitIndex: Index;
  configuration: Configuration;
}

export class TruthfulActions implements Invariant {
  readonly name: string = 'truthful-actions';
  readonly #told: Map<NodeId, Told> = new Map();

  started(server: ServerView): void {
    const { role, term, leader, commitIndex, configuration } = server;
    this.#told.set(server.id, { role, term, leader, commitIndex, configuration });
  }

  stepped({ server, actions }: StepView): void {
    const told = this.#told.get(server.id);
    // Whoever has halted says nothing any more.
    if (told === undefined || server.isHalted) return;
    for (const action of actions) this.#listen(server, told, action);
    const isWhole =
      told.role === server.role &&
      told.term === server.term &&
      told.leader === server.leader &&
      told.commitIndex === server.commitIndex &&
      sameConfiguration(told.configuration, server.configuration);
    hold(isWhole, this.name, 'a change was not told', () => ({
      server: server.id,
      told,
      state: stateOf(server),
    }));
  }

  #listen(server: ServerView, told: Told, action: Action): void {
    switch (action.type) {
      case 'roleChanged': {
        const isNews =
          action.role !== told.role || action.term !== told.term || action.leader !== told.leader;
        hold(isNews, this.name, 'the same role, term and leader are told twice', () => ({
          server: server.id,
          action,
        }));
        told.role = action.role;
        told.term = action.term;
        told.leader = action.leader;
        return;
      }
      case 'commit': {
        const isTrue = action.index > told.commitIndex && isTermThere(server, action.index, action.term);
        hold(isTrue, this.name, 'a commit is told that is none', () => ({ server: server.id, action, told }));
        told.commitIndex = action.index;
        return;
      }
      case 'membershipChanged':
        told.configuration = action.configuration;
        return;
      case 'send':
      case 'apply':
      case 'proposed':
      case 'snapshot':
      case 'restoreSnapshot':
      case 'readReady':
      case 'readFailed':
      case 'transferFailed':
        return;
    }
  }
}

/** The log may have compacted the entry, or replaced it by a snapshot, within the step. */
function isTermThere(server: ServerView, index: Index, term: Term): boolean {
  const found = server.log.termAt(index);
  return found === term || (found === undefined && index < server.log.firstIndex);
}

function stateOf(server: ServerView): Told {
  const { role, term, leader, commitIndex, configuration } = server;
  return { role, term, leader, commitIndex, configuration };
}

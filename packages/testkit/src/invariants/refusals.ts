// A refused request has changed nothing. And a node whose storage failed is silent for good.

import type { NodeId } from '@waldb/core';
import { hold, type Invariant, type ServerView, type StepView } from './invariant.js';

export class RefusalsChangeNothing implements Invariant {
  readonly name: string = 'refusals-change-nothing';
  readonly #halted: Set<NodeId> = new Set();

  started(server: ServerView): void {
    this.#halted.delete(server.id);
  }

  stepped(step: StepView): void {
    const { server, event, actions, error } = step;
    if (this.#halted.has(server.id)) {
      hold(actions.length === 0, this.name, 'a node speaks after its storage failed', () => ({
        server: server.id,
        event: event.type,
        actions,
      }));
    }
    if (event.type === 'storageFailed' || error?.code === 'STORAGE') this.#halted.add(server.id);
    else if (error !== undefined) this.#checkUnchanged(step);
  }

  #checkUnchanged({ server, before, event, error, stagedSeq }: StepView): void {
    const unchanged =
      server.role === before.role &&
      server.term === before.term &&
      server.log.hardState.votedFor === before.votedFor &&
      server.commitIndex === before.commitIndex &&
      server.lastApplied === before.lastApplied &&
      stagedSeq === before.stagedSeq;
    hold(unchanged, this.name, 'a refused event changed the node', () => ({
      server: server.id,
      event,
      code: error?.code,
      before,
    }));
  }
}

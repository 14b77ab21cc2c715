// A refused request has changed nothing. And a node whose storage failed is silent for good.

import type { Event } from '@waldb/core';
import { hold, type Invariant, type StepView } from './invariant.js';

export class RefusalsChangeNothing implements Invariant {
  readonly name: string = 'refusals-change-nothing';

  stepped(step: StepView): void {
    const { server, event, actions, error } = step;
    if (server.isHalted) {
      hold(actions.length === 0, this.name, 'a node speaks after its storage failed', () => ({
        server: server.id,
        event: event.type,
        actions,
      }));
    } else if (error !== undefined) {
      hold(isRequest(event), this.name, 'what is no request is refused', () => ({
        server: server.id,
        event: event.type,
        code: error.code,
      }));
      this.#checkUnchanged(step);
    }
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

/** Only what somebody asks for can be refused; time, messages and reports cannot. */
function isRequest(event: Event): boolean {
  switch (event.type) {
    case 'tick':
    case 'message':
    case 'durable':
    case 'storageFailed':
    case 'snapshotStatus':
    case 'snapshotProgress':
    case 'unreachable':
    case 'removed':
      return false;
    default:
      return true;
  }
}

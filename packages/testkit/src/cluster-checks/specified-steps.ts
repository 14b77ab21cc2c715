// Every step is an action of the published specification of Raft: the servers' protocol traces (docs/trace-format.md) are
// followed line by line, as they are told. Of all rules the strictest about the protocol, and blind to everything else.
//
// The specification does not know of disks that are lost. A server on an empty one is followed as what it has of that kind: an id
// that may begin anew. What the others count of it is then judged by what comes of it, one leader in a term and one history.

import type { NodeId } from '@waldb/core';
import type { ProtocolTraceSink } from '@waldb/runtime';
import { hold } from '../invariants/invariant.js';
import { TraceValidator, TraceViolation } from '../trace-validation/validator.js';
import type { ClusterCheck } from './cluster-check.js';

export class SpecifiedSteps implements ClusterCheck {
  readonly name: string = 'specification';
  readonly #validator = new TraceValidator();
  #found: TraceViolation | undefined;

  /** Lines that were found to be actions of the specification. */
  get lines(): number {
    return this.#validator.lines;
  }

  /** For all servers of the run. They must not hear what is thought of it: the next hook throws. */
  readonly sink: ProtocolTraceSink = (lines) => {
    for (const { event } of lines) {
      if (this.#found !== undefined) return;
      try {
        this.#validator.accept(event);
      } catch (error) {
        if (!(error instanceof TraceViolation)) throw error;
        this.#found = error;
      }
    }
  };

  diskLost(id: NodeId): void {
    this.#validator.diskLost(String(id));
  }

  serverStarted(): void {
    this.#tell();
  }

  /** Comes right after the lines of the same step. */
  stepped(): void {
    this.#tell();
  }

  finished(): void {
    this.#tell();
  }

  #tell(): void {
    const found = this.#found;
    if (found !== undefined) hold(false, this.name, `${found.rule}: ${found.message}`, () => found.detail);
  }
}

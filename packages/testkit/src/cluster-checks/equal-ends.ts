// The end of a run, long after the last fault: every server has applied the same, is in the same state, and nothing that
// anybody said is committed is missing.

import type { FinalServer } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';
import type { CommittedLog } from './committed-log.js';

export class EqualEnds implements ClusterCheck {
  readonly name: string = 'equal-ends';
  readonly #committed: CommittedLog;

  constructor(committed: CommittedLog) {
    this.#committed = committed;
  }

  finished(servers: readonly FinalServer[]): void {
    const [first, ...others] = servers;
    if (first === undefined) {
      hold(false, this.name, 'no server is left at the end', () => ({}));
      return;
    }
    for (const other of others) {
      const isComparable = other.digest !== undefined && first.digest !== undefined;
      const isSame =
        (!isComparable || other.digest === first.digest) &&
        other.server.appliedIndex === first.server.appliedIndex;
      if (!isSame)
        hold(false, this.name, 'two servers end differently', () => ({
          first: summary(first),
          second: summary(other),
        }));
    }
    if (first.server.appliedIndex < this.#committed.lastIndex)
      hold(false, this.name, 'what was committed is missing at the end', () => ({
        end: summary(first),
        committed: this.#committed.at(this.#committed.lastIndex),
      }));
  }
}

function summary({ life, server, digest }: FinalServer): Readonly<Record<string, unknown>> {
  return { id: life.id, life: life.life, appliedIndex: server.appliedIndex, digest };
}

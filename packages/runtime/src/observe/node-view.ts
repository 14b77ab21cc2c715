// What a node says of itself, also once its log can be read no more: a server that has failed is exactly the one that
// somebody wants to look at. Then it is what was last known.

import type { NodeStatus, RaftLog, RaftNode } from '@waldb/core';
import { WalError } from '@waldb/wal';
import { decodeReference } from '../snapshot/snapshot-reference.js';

export interface NodeSight extends NodeStatus {
  /** Of the image that the log names; 0 for none. */
  readonly snapshotBytes: number;
}

export class NodeView {
  readonly #node: RaftNode;
  readonly #log: RaftLog;
  #last: NodeSight;

  constructor(node: RaftNode, log: RaftLog) {
    this.#node = node;
    this.#log = log;
    this.#last = this.#look();
  }

  status(): NodeSight {
    try {
      this.#last = this.#look();
      return this.#last;
    } catch (error) {
      if (!(error instanceof WalError)) throw error;
      return this.#afterTheEnd(error.code !== 'WAL_CLOSED');
    }
  }

  #look(): NodeSight {
    const snapshot = this.#log.snapshot();
    const snapshotBytes = snapshot === undefined ? 0 : decodeReference(snapshot).bytes;
    return { ...this.#node.status(), snapshotBytes };
  }

  /** What the node holds in memory is as it is; what it would ask its log is as it was, and no older than a commit. */
  #afterTheEnd(hasFailed: boolean): NodeSight {
    const { role, term, leader, commitIndex, lastApplied } = this.#node;
    const lastIndex = Math.max(this.#last.lastIndex, commitIndex);
    const isHalted = this.#last.isHalted || hasFailed;
    return {
      ...this.#last,
      ...{ role, term, leader, commitIndex, lastApplied, lastIndex, isHalted },
      leadership: undefined,
    };
  }
}

// What a node says of itself, also once its log can be read no more: a server that has failed is exactly the one that
// somebody wants to look at. Then it is what was last known.

import type { NodeStatus, RaftNode } from '@waldb/core';
import { WalError } from '@waldb/wal';

export class NodeView {
  readonly #node: RaftNode;
  #last: NodeStatus;

  constructor(node: RaftNode) {
    this.#node = node;
    this.#last = node.status();
  }

  status(): NodeStatus {
    try {
      this.#last = this.#node.status();
      return this.#last;
    } catch (error) {
      if (!(error instanceof WalError)) throw error;
      return this.#afterTheEnd(error.code !== 'WAL_CLOSED');
    }
  }

  /** What the node holds in memory is as it is; what it would ask its log is as it was, and no older than a commit. */
  #afterTheEnd(hasFailed: boolean): NodeStatus {
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

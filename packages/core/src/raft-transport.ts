// The seam between a driver and its network, and the one that tests use.

import type { Message } from './message.js';
import type { NodeId } from './types.js';

/** Delivers messages, or loses, delays, repeats or reorders them: the protocol holds all the same. Never blocks, never throws. */
export interface RaftTransport {
  send(to: NodeId, message: Message): void;
}

/** Keeps what was sent, in order, until a test or an in-process driver takes it. */
export class MemoryTransport implements RaftTransport {
  readonly #sent: { readonly to: NodeId; readonly message: Message }[] = [];

  send(to: NodeId, message: Message): void {
    this.#sent.push({ to, message });
  }

  /** Removes and returns everything sent since the last call. */
  take(): { readonly to: NodeId; readonly message: Message }[] {
    return this.#sent.splice(0);
  }
}

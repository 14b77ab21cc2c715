// What the server itself replicates beside the user's state machine (sessions and the logged time, for example): it
// changes only by applied entries, so it is the same on every server at the same index, and it travels at the head of
// every snapshot, in front of the user's stream.

export interface ReplicatedState {
  /**
   * The state at the moment of the call, which is a point between two applied entries: the same one at which the state
   * machine's `snapshot` is called. The bytes are the caller's. At most {@link REPLICATED_STATE_BYTES_MAX}.
   */
  encode(): Uint8Array;
  /**
   * Replaces the whole state by what `encode` of this or another server gave; called before the state machine's own
   * `restore`. Throws when the bytes cannot be its own: the server stops then.
   */
  restore(block: Uint8Array): void;
}

/** Largest encoded state: it is held in memory, unlike the user's stream. */
export const REPLICATED_STATE_BYTES_MAX: number = 256 * 1024 * 1024;

/** A server that replicates nothing of its own. */
export const NO_REPLICATED_STATE: ReplicatedState = {
  encode: () => new Uint8Array(0),
  restore(block) {
    if (block.length > 0)
      throw new Error(
        `the snapshot holds ${block.length} bytes of the server's own state, and there is none here`,
      );
  },
};

// Every bound of the runtime, with its unit. What is full answers `BUSY` or holds its source back; nothing grows quietly.

export interface RuntimeLimits {
  /** Proposals accepted and not settled yet, and the bytes of their commands. */
  readonly proposalsMax: number;
  readonly proposalBytesMax: number;
  /** Commands, and bytes of commands, that one batch takes; one larger command goes alone. */
  readonly batchCommandsMax: number;
  readonly batchBytesMax: number;
  /** Reads accepted and not answered yet. */
  readonly readsMax: number;
  /** Read rounds under way at a time; later reads share the next one. */
  readonly readRoundsMax: number;
  /** Membership changes and transfers that wait or are under way. */
  readonly changesMax: number;
  /** Messages received and not handled yet: beyond either, peers are read no more until half of it is done. */
  readonly inboxMessagesMax: number;
  readonly inboxBytesMax: number;
  /** Messages handled before the loop looks at its timers and its client work again. */
  readonly sliceMessagesMax: number;
  /** Entries given to one call of `apply`. */
  readonly applyEntriesMax: number;
  /** Committed bytes that wait in memory for the state machine; beyond it they are read back from the log. */
  readonly applyBacklogBytesMax: number;
  /** Sessions that there may be, in the whole cluster: as the leader that opens one has it. */
  readonly sessionsMax: number;
  /** Results that one session may have kept at a time: requests made and not yet acknowledged. */
  readonly sessionResultsMax: number;
  /** Largest result that is kept; a retry of a command with a larger one learns only that it was applied. */
  readonly sessionResultBytesMax: number;
  /**
   * All sessions with their results, about: where there is no room for another one, with what is under way, a leader takes
   * no new session and no new request of one. A result for which no room is left when its command is applied is not kept.
   */
  readonly sessionBytesMax: number;
  /** Longest time to live that a session may ask for. */
  readonly sessionTtlMsMax: number;
  /** Largest image of a snapshot, taken or received. It is streamed, never held in memory. */
  readonly snapshotBytesMax: number;
  /** How long the part of an image that was received before it broke off is kept, to go on from there. */
  readonly partialSnapshotMs: number;
}

export const DEFAULT_RUNTIME_LIMITS: RuntimeLimits = {
  proposalsMax: 65_536,
  proposalBytesMax: 64 * 1024 * 1024,
  batchCommandsMax: 1024,
  batchBytesMax: 1024 * 1024,
  readsMax: 65_536,
  readRoundsMax: 4,
  changesMax: 64,
  inboxMessagesMax: 8192,
  inboxBytesMax: 64 * 1024 * 1024,
  sliceMessagesMax: 128,
  applyEntriesMax: 1024,
  applyBacklogBytesMax: 64 * 1024 * 1024,
  sessionsMax: 10_000,
  sessionResultsMax: 1024,
  sessionResultBytesMax: 256 * 1024,
  sessionBytesMax: 16 * 1024 * 1024,
  sessionTtlMsMax: 24 * 60 * 60 * 1000,
  snapshotBytesMax: 1024 ** 4,
  partialSnapshotMs: 10 * 60_000,
};

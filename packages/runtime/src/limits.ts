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
  /** Largest snapshot that is held in memory and sent as one message. */
  readonly snapshotBytesMax: number;
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
  snapshotBytesMax: 32 * 1024 * 1024,
};

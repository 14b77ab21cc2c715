// The errors that this package throws. What a command answers to a client is a reply, not an error.

/**
 * - `SNAPSHOT_INVALID`: a snapshot's stream is not one of this store, or of a newer version.
 * - `ENTRY_INVALID`: a logged entry cannot be decoded, or holds an operation that this version does not know. Applying
 *   anything else in its place would make this replica differ, so the server has to stop.
 * - `LISTEN_FAILED`: the server for clients cannot listen; `detail` has the address and the machine's code.
 * - `OPTIONS_INVALID`: an option that can never be right.
 * - `COMMAND_REFUSED`: a `KvClient`'s command cannot be carried out on what is there (a value that is no number, ...);
 *   nothing was changed by it. `detail.reply` has the error as clients on sockets get it.
 * - `TRANSACTION_CONFLICT`: the watched keys changed each time; nothing was done.
 * - `WATCH_OVERFLOW`: a watch was not read as fast as keys changed.
 */
export type KvErrorCode =
  | 'SNAPSHOT_INVALID'
  | 'ENTRY_INVALID'
  | 'LISTEN_FAILED'
  | 'OPTIONS_INVALID'
  | 'COMMAND_REFUSED'
  | 'TRANSACTION_CONFLICT'
  | 'WATCH_OVERFLOW';

export class KvError extends Error {
  override readonly name: string = 'KvError';
  readonly code: KvErrorCode;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(
    code: KvErrorCode,
    message: string,
    detail: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.detail = detail;
  }
}

// Why a connection was closed or refused. These never reach a caller of `send`: they are logged, counted, and told to
// the other end where it can still read.

/**
 * - `NOT_WALDB`: the other end does not speak this protocol at all.
 * - `VERSION_UNSUPPORTED`: no version of it that both sides speak.
 * - `CLUSTER_MISMATCH`: a server of another cluster.
 * - `ID_MISMATCH`: another server than the one that was dialled, or one that claims our own id.
 * - `CERTIFICATE_MISMATCH`: the other end's certificate is good, and for another server than the one it says it is.
 * - `TLS_UNEXPECTED`: the other end speaks TLS, and we do not. (The other way round is a `NetworkError`, `TLS_MISSING`.)
 * - `LOG_REPLACED`: a known server that came back with another log: it may have forgotten its votes.
 * - `UNRECORDED`: which log a server has could not be written down, and whoever forgets it could be deceived later.
 * - `FOREIGN_SENDER`: a message that names another sender, or another receiver, than this connection's.
 * - `FRAME_DAMAGED`: a checksum does not match.
 * - `FRAME_TOO_LARGE`: a length beyond the limit.
 * - `FRAME_UNEXPECTED`: a whole frame in the wrong place, or of an unknown kind.
 * - `MESSAGE_INVALID`: a whole frame that holds no message.
 * - `SNAPSHOT_UNAVAILABLE`: a snapshot was asked for that is not there, or cannot be read.
 * - `SNAPSHOT_BROKE_OFF`: the connection ended before the snapshot did.
 * - `BUSY`: as many snapshots are being sent, or as many peers are connected, as may be.
 * - `UNKNOWN_PEER`: no peer of that id is dialled.
 * - `CLOSED`: this transport was closed.
 * - `SILENT`: nothing heard for too long, in the hello or after it.
 * - `REFUSED`: the other end closed the connection and said why.
 */
export type TransportErrorCode =
  | 'NOT_WALDB'
  | 'VERSION_UNSUPPORTED'
  | 'CLUSTER_MISMATCH'
  | 'ID_MISMATCH'
  | 'CERTIFICATE_MISMATCH'
  | 'TLS_UNEXPECTED'
  | 'LOG_REPLACED'
  | 'UNRECORDED'
  | 'FOREIGN_SENDER'
  | 'FRAME_DAMAGED'
  | 'FRAME_TOO_LARGE'
  | 'FRAME_UNEXPECTED'
  | 'MESSAGE_INVALID'
  | 'SNAPSHOT_UNAVAILABLE'
  | 'SNAPSHOT_BROKE_OFF'
  | 'BUSY'
  | 'UNKNOWN_PEER'
  | 'CLOSED'
  | 'SILENT'
  | 'REFUSED';

export class TransportError extends Error {
  override readonly name: string = 'TransportError';
  readonly code: TransportErrorCode;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(
    code: TransportErrorCode,
    message: string,
    detail: Readonly<Record<string, unknown>> = {},
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.detail = detail;
  }
}

/** Whether the other end is there and cannot prove who it is; everything else about a connection passes by itself. */
export function isMistrust(code: string): boolean {
  return code.startsWith('CERTIFICATE_') || code.startsWith('TLS_');
}

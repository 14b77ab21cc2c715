// Byte streams between servers, as small as a simulator can stand in for. What the bytes mean is the transport's.

/** Where to listen or to connect: an IPv4 or IPv6 address or a host name, and a port (0 to listen on any free one). */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** What both ends of a connection have proven to each other: the URIs in their certificates, which both have verified. */
export interface StreamIdentity {
  readonly ours: readonly string[];
  readonly theirs: readonly string[];
}

/**
 * What a stream's owner wants to hear. For an accepted stream `onOpen` is not called: it is open.
 * `onClose` comes exactly once, last, whatever happened; a stream that never opened only closes.
 */
export interface StreamHandlers {
  onOpen?(): void;
  /**
   * The other end, which we dialled, has not proven who it is. The bytes that are returned are told to it, whoever it
   * is; then the stream closes with `error`. Without this method it closes at once.
   */
  onRefused?(error: NetworkError): readonly Uint8Array[];
  /** The bytes belong to the receiver. */
  onData(bytes: Uint8Array): void;
  /** A `write` that returned false has been taken by the machine: there is room again. */
  onDrain(): void;
  /** `error` says why, and is absent after an ordinary end. */
  onClose(error: NetworkError | undefined): void;
}

/** A two-way connection. Every method is harmless once it is closed. */
export interface ByteStream {
  /** The other end, for logs. */
  readonly remote: string;
  /** Who is at both ends. Undefined where nobody proves anything (plain TCP), and before a dialled stream is open. */
  readonly identity?: StreamIdentity | undefined;
  /**
   * Sends the chunks in order, as one write. They belong to the stream from now on. Always taken; false means that
   * more is buffered than the machine likes: a sender that minds its memory waits for `onDrain`.
   */
  write(chunks: readonly Uint8Array[]): boolean;
  /** Stops `onData` until `resume`: the machine's buffers fill and the sender is held up. */
  pause(): void;
  resume(): void;
  /** Sends what was written, then closes. */
  end(): void;
  /** Closes at once; what was not sent is lost. */
  destroy(): void;
}

export interface Listener {
  /** Where it listens, with the port that the machine chose if 0 was asked for. */
  readonly endpoint: Endpoint;
  /** Stops accepting. Streams already accepted live on. Idempotent. */
  close(): Promise<void>;
}

export interface Network {
  /**
   * Accepts connections: `onStream` is called for each and returns what hears it.
   * Whoever connects and does not prove who it is never becomes a stream: `onRefused` hears of it, and the bytes that it
   * returns are told to the other end where it can hear them.
   * Errors: `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`, `ADDRESS_DENIED`, `NETWORK_FAILED`.
   */
  listen(
    endpoint: Endpoint,
    onStream: (stream: ByteStream) => StreamHandlers,
    onRefused?: (refused: RefusedPeer) => readonly Uint8Array[],
  ): Promise<Listener>;
  /** Starts to connect; the outcome is `onOpen` or `onClose`, never before this returns. */
  connect(endpoint: Endpoint, handlers: StreamHandlers): ByteStream;
}

/** Who was turned away before there was a stream, and why. */
export interface RefusedPeer {
  readonly remote: string;
  readonly error: NetworkError;
}

/**
 * - `ADDRESS_IN_USE`: another process (or server) listens there.
 * - `ADDRESS_UNAVAILABLE`: this machine has no such address, or the name does not resolve.
 * - `ADDRESS_DENIED`: this user may not listen there.
 * - `CONNECTION_REFUSED`: nobody listens at the other end.
 * - `CONNECTION_LOST`: it was open and broke.
 * - `NETWORK_FAILED`: anything else; the cause says what.
 *
 * With TLS:
 * - `CREDENTIALS_UNUSABLE`: our own authority, certificate or key; `detail.part` and `detail.problem` say which and what.
 * - `TLS_MISSING`: the other end does not speak TLS.
 * - `TLS_FAILED`: the other end speaks TLS, and no connection came of it: no common version, a handshake that took too
 *   long or broke off, or an alert that it sent.
 * - `CERTIFICATE_MISSING`: the other end has shown no certificate.
 * - `CERTIFICATE_UNTRUSTED`: no authority that is trusted here has signed it.
 * - `CERTIFICATE_EXPIRED`, `CERTIFICATE_NOT_YET_VALID`: by the clock of this machine.
 */
export type NetworkErrorCode =
  | 'ADDRESS_IN_USE'
  | 'ADDRESS_UNAVAILABLE'
  | 'ADDRESS_DENIED'
  | 'CONNECTION_REFUSED'
  | 'CONNECTION_LOST'
  | 'NETWORK_FAILED'
  | 'CREDENTIALS_UNUSABLE'
  | 'TLS_MISSING'
  | 'TLS_FAILED'
  | 'CERTIFICATE_MISSING'
  | 'CERTIFICATE_UNTRUSTED'
  | 'CERTIFICATE_EXPIRED'
  | 'CERTIFICATE_NOT_YET_VALID';

/** Something that the network did; never a bug of ours. */
export class NetworkError extends Error {
  override readonly name: string = 'NetworkError';
  readonly code: NetworkErrorCode;
  readonly detail: Readonly<Record<string, unknown>>;

  constructor(
    code: NetworkErrorCode,
    message: string,
    detail: Readonly<Record<string, unknown>>,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.code = code;
    this.detail = detail;
  }
}

/** `host:port`, with an IPv6 host in brackets. */
export function formatEndpoint(endpoint: Endpoint): string {
  const host = endpoint.host.includes(':') ? `[${endpoint.host}]` : endpoint.host;
  return `${host}:${endpoint.port}`;
}

/** Reads `host:port` or `[ipv6]:port`; undefined when the text is neither. Port 0 is read: it means "any" to a listener. */
export function parseEndpoint(text: string): Endpoint | undefined {
  const match = ENDPOINT.exec(text);
  if (match === null) return undefined;
  const [, ipv6, name, digits] = match;
  const port = Number(digits);
  const host = ipv6 ?? name;
  if (host === undefined || port > PORT_MAX) return undefined;
  return { host, port };
}

const PORT_MAX = 65_535;
const ENDPOINT = /^(?:\[([0-9a-fA-F:.]+(?:%[\w.-]+)?)\]|([\w.-]+)):(\d{1,5})$/;

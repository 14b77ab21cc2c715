// Byte streams between servers, as small as a simulator can stand in for. What the bytes mean is the transport's.

/** Where to listen or to connect: an IPv4 or IPv6 address or a host name, and a port (0 to listen on any free one). */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/**
 * What a stream's owner wants to hear. For an accepted stream `onOpen` is not called: it is open.
 * `onClose` comes exactly once, last, whatever happened; a stream that never opened only closes.
 */
export interface StreamHandlers {
  onOpen?(): void;
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
   * Errors: `ADDRESS_IN_USE`, `ADDRESS_UNAVAILABLE`, `ADDRESS_DENIED`, `NETWORK_FAILED`.
   */
  listen(endpoint: Endpoint, onStream: (stream: ByteStream) => StreamHandlers): Promise<Listener>;
  /** Starts to connect; the outcome is `onOpen` or `onClose`, never before this returns. */
  connect(endpoint: Endpoint, handlers: StreamHandlers): ByteStream;
}

/**
 * - `ADDRESS_IN_USE`: another process (or server) listens there.
 * - `ADDRESS_UNAVAILABLE`: this machine has no such address, or the name does not resolve.
 * - `ADDRESS_DENIED`: this user may not listen there.
 * - `CONNECTION_REFUSED`: nobody listens at the other end.
 * - `CONNECTION_LOST`: it was open and broke.
 * - `NETWORK_FAILED`: anything else; the cause says what.
 */
export type NetworkErrorCode =
  | 'ADDRESS_IN_USE'
  | 'ADDRESS_UNAVAILABLE'
  | 'ADDRESS_DENIED'
  | 'CONNECTION_REFUSED'
  | 'CONNECTION_LOST'
  | 'NETWORK_FAILED';

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

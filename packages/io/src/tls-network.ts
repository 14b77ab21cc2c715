// TLS 1.3 through node:tls, both ends with a certificate. Decides whether a certificate is believed; what its names
// mean is the transport's. A stream that is open has a verified peer: it must never show any other, nor a single byte
// that came from one.

import type { Socket } from 'node:net';
import { createServer, type Server, type TLSSocket, connect as tlsConnect } from 'node:tls';
import type {
  ByteStream,
  Endpoint,
  Listener,
  Network,
  RefusedPeer,
  StreamHandlers,
  StreamIdentity,
} from './network.js';
import { formatEndpoint, NetworkError } from './network.js';
import { listenOn } from './socket-listener.js';
import { remoteOf, SocketStream, streamError } from './socket-stream.js';
import { type LoadedCredentials, loadCredentials, type TlsCredentials, urisOf } from './tls-credentials.js';
import { TlsHandshakes } from './tls-handshakes.js';
import { certificateTrouble } from './tls-trouble.js';

export interface TlsNetworkOptions {
  /** From a connection to the end of its handshake. Default 3000. */
  readonly handshakeTimeoutMs?: number;
  /** Handshakes under way at a time, for each listener; beyond it the host with the most loses its oldest. Default 64. */
  readonly handshakesMax?: number;
}

type OnRefused = (refused: RefusedPeer) => readonly Uint8Array[];

export class TlsNetwork implements Network {
  readonly #handshakeTimeoutMs: number;
  readonly #handshakesMax: number;
  readonly #servers = new Set<Server>();
  #credentials: LoadedCredentials;

  /** Errors: `NetworkError` `CREDENTIALS_UNUSABLE`. */
  constructor(credentials: TlsCredentials, options: TlsNetworkOptions = {}) {
    this.#credentials = loadCredentials(credentials);
    this.#handshakeTimeoutMs = options.handshakeTimeoutMs ?? 3000;
    this.#handshakesMax = options.handshakesMax ?? 64;
  }

  /** The URIs that our certificate names. */
  get uris(): readonly string[] {
    return this.#credentials.uris;
  }

  /** When our certificate expires. */
  get validTo(): Date {
    return this.#credentials.validTo;
  }

  /**
   * Other credentials for every connection from now on; those that are open stay as they are.
   * Errors: `NetworkError` `CREDENTIALS_UNUSABLE`; then nothing has changed.
   */
  reload(credentials: TlsCredentials): void {
    this.#credentials = loadCredentials(credentials);
    for (const server of this.#servers) server.setSecureContext(this.#credentials.options);
  }

  async listen(
    endpoint: Endpoint,
    onStream: (stream: ByteStream) => StreamHandlers,
    onRefused: OnRefused = () => [],
  ): Promise<Listener> {
    const server = createServer({
      ...this.#credentials.options,
      requestCert: true,
      // The verdict is `judge`'s, which can tell the other end; nothing is shown to anybody before it.
      rejectUnauthorized: false,
      handshakeTimeout: this.#handshakeTimeoutMs,
      noDelay: true,
    });
    const handshakes = new TlsHandshakes(this.#handshakesMax);
    server.on('connection', (socket: Socket) => handshakes.begin(socket));
    server.on('secureConnection', (socket) => {
      const stream = new SocketStream(socket);
      handshakes.finish(stream.remote);
      const identity = judge(socket, stream.remote);
      if (identity instanceof NetworkError) {
        stream.refuse(identity, onRefused({ remote: stream.remote, error: identity }));
        return;
      }
      stream.identity = identity;
      stream.attach(onStream(stream));
    });
    server.on('tlsClientError', (error, socket) => {
      const remote = remoteOf(socket);
      const refused = { remote, error: streamError(remote, error) };
      const lastWords = onRefused(refused);
      // In the middle of a handshake there is no way to say anything; who speaks no TLS at all can read plain words.
      handshakes.fail(remote, refused.error.code === 'TLS_MISSING' ? lastWords : []);
      socket.destroy();
    });
    this.#servers.add(server);
    server.once('close', () => this.#servers.delete(server));
    try {
      return await listenOn(server, endpoint);
    } catch (error) {
      this.#servers.delete(server);
      throw error;
    }
  }

  /** A host name is resolved anew for each connection. That the name is in the certificate does not matter; see above. */
  connect(endpoint: Endpoint, handlers: StreamHandlers): ByteStream {
    const socket = tlsConnect({
      host: endpoint.host,
      port: endpoint.port,
      secureContext: this.#credentials.context,
      rejectUnauthorized: false, // as above
      checkServerIdentity: () => undefined,
    });
    socket.setNoDelay(true);
    const stream = new SocketStream(socket, formatEndpoint(endpoint));
    socket.setTimeout(this.#handshakeTimeoutMs, () => socket.destroy(handshakeTimeout()));
    socket.on('secureConnect', () => {
      socket.setTimeout(0);
      const identity = judge(socket, stream.remote);
      if (identity instanceof NetworkError) {
        stream.refuse(identity, handlers.onRefused?.(identity) ?? []);
        return;
      }
      stream.identity = identity;
      handlers.onOpen?.();
    });
    stream.attach(handlers);
    return stream;
  }
}

/** Who is at both ends of a finished handshake, or why that is not known. */
function judge(socket: TLSSocket, remote: string): StreamIdentity | NetworkError {
  const theirs = socket.getPeerX509Certificate();
  const ours = socket.getX509Certificate();
  if (theirs === undefined) {
    return refusal('CERTIFICATE_MISSING', remote, 'it has shown no certificate');
  }
  if (!socket.authorized) {
    // Node types it as an Error, and gives OpenSSL's name.
    const verdict = String(socket.authorizationError);
    const [code, why] = certificateTrouble(verdict);
    return refusal(code, remote, why, { verdict, subject: theirs.subject, validTo: theirs.validTo });
  }
  return { ours: ours === undefined ? [] : urisOf(ours), theirs: urisOf(theirs) };
}

function refusal(
  code: NetworkError['code'],
  remote: string,
  why: string,
  facts: Readonly<Record<string, unknown>> = {},
): NetworkError {
  return new NetworkError(code, `${remote} is not trusted: ${why}.`, { remote, ...facts });
}

function handshakeTimeout(): NodeJS.ErrnoException {
  return Object.assign(new Error('The TLS handshake took too long.'), { code: 'ERR_TLS_HANDSHAKE_TIMEOUT' });
}

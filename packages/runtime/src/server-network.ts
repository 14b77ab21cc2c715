// How a server reaches its peers: the network that was brought, or plain TCP, or TLS. Whatever can be known to be wrong
// about certificates is refused here, before anything is opened.

import type { NodeId } from '@waldb/core';
import { type Network, NetworkError, NodeNetwork, type TlsCredentials, TlsNetwork } from '@waldb/io';
import { certifiedClusters } from '@waldb/transport';
import { RuntimeError } from './runtime-error.js';

export interface ServerNetwork {
  readonly network: Network;
  /** Undefined when the server was not started with `tls`. */
  readonly tls: ServerTls | undefined;
}

/** Errors: `OPTIONS_INVALID`. */
export function openNetwork(options: {
  readonly id: NodeId;
  readonly network?: Network;
  readonly tls?: TlsCredentials;
}): ServerNetwork {
  const { id, network, tls } = options;
  if (tls === undefined) return { network: network ?? new NodeNetwork(), tls: undefined };
  if (network !== undefined) {
    throw new RuntimeError(
      'OPTIONS_INVALID',
      'A server takes either `tls` or a `network` of its own, which may be a TlsNetwork; not both.',
      { detail: { option: 'tls' } },
    );
  }
  const serverTls = new ServerTls(id, tls);
  return { network: serverTls.network, tls: serverTls };
}

/** The certificates of one server, which may follow each other while it runs. */
export class ServerTls {
  readonly network: TlsNetwork;
  readonly #id: NodeId;

  /** Errors: `OPTIONS_INVALID`. */
  constructor(id: NodeId, credentials: TlsCredentials) {
    this.#id = id;
    this.network = load(id, credentials);
  }

  /** For every connection from now on. Errors: `OPTIONS_INVALID`; then nothing has changed. */
  replace(credentials: TlsCredentials): void {
    load(this.#id, credentials); // checked as a whole before the first connection uses any of it
    this.network.reload(credentials);
  }
}

function load(id: NodeId, credentials: TlsCredentials): TlsNetwork {
  const network = makeNetwork(credentials);
  if (certifiedClusters(network.uris, id).size > 0) return network;
  throw new RuntimeError(
    'OPTIONS_INVALID',
    `The TLS certificate is not one of server ${id}: it names ${network.uris.join(', ') || 'no URI'}, and must name waldb://<cluster>/${id}.`,
    { detail: { option: 'tls.cert', problem: 'WRONG_SERVER', found: network.uris } },
  );
}

function makeNetwork(credentials: TlsCredentials): TlsNetwork {
  try {
    return new TlsNetwork(credentials);
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    const { part, problem, what } = error.detail;
    throw new RuntimeError('OPTIONS_INVALID', error.message, {
      detail: { option: `tls.${String(part)}`, problem, what },
      cause: error,
    });
  }
}

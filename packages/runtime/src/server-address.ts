// How a server's addresses are written where they are replicated: `peerHost:peerPort[,clientHost:clientPort]`. Peers
// dial the first; clients of the store built on the server are sent to the second.

import { type Endpoint, formatEndpoint, parseEndpoint } from '@waldb/io';
import { RuntimeError } from './runtime-error.js';

export interface ServerAddress {
  readonly peer: Endpoint;
  readonly client?: Endpoint;
}

export function formatServerAddress(address: ServerAddress): string {
  const peer = formatEndpoint(address.peer);
  return address.client === undefined ? peer : `${peer},${formatEndpoint(address.client)}`;
}

/** Undefined when `text` is not an address. */
export function parseServerAddress(text: string): ServerAddress | undefined {
  const [peerText, clientText, ...rest] = text.split(',');
  const peer = parseDialable(peerText);
  if (peer === undefined || rest.length > 0) return undefined;
  if (clientText === undefined) return { peer };
  const client = parseDialable(clientText);
  return client === undefined ? undefined : { peer, client };
}

/** Errors: `OPTIONS_INVALID`, naming `option`. */
export function requireServerAddress(text: string, option: string): ServerAddress {
  const address = parseServerAddress(text);
  if (address !== undefined) return address;
  throw new RuntimeError(
    'OPTIONS_INVALID',
    `${option} is ${JSON.stringify(text)}, but must be an address like 127.0.0.1:7201 or 127.0.0.1:7201,127.0.0.1:7101.`,
    { detail: { option, value: text } },
  );
}

/** An endpoint that others can be told: port 0 means nothing to them. */
function parseDialable(text: string | undefined): Endpoint | undefined {
  const endpoint = text === undefined ? undefined : parseEndpoint(text);
  return endpoint?.port === 0 ? undefined : endpoint;
}

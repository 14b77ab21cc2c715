// How a server's addresses are written where they are replicated: `peerHost:peerPort[,clientHost:clientPort[,adminHost:adminPort]]`.
// Peers dial the first; clients of the store built on the server are sent to the second, its operators to the third. A
// configuration writes `#index` behind it: the mark that tells one membership of an id from the next (docs/operations.md).
// An entry point of its own (`@waldb/runtime/server-address`): tools that only read addresses need no server.

import { type Endpoint, formatEndpoint, parseEndpoint } from '@waldb/io';
import { RuntimeError } from '../runtime-error.js';

export interface ServerAddress {
  readonly peer: Endpoint;
  readonly client?: Endpoint;
  readonly admin?: Endpoint;
}

export function formatServerAddress({ peer, client, admin }: ServerAddress): string {
  const texts = [peer, client, admin].map((endpoint) => (endpoint ? formatEndpoint(endpoint) : ''));
  return texts.join(',').replace(/,+$/, '');
}

/** Undefined when `text` is not an address. A mark behind it is passed over. */
export function parseServerAddress(text: string): ServerAddress | undefined {
  const [peerText, clientText, adminText, ...rest] = unmarked(text).split(',');
  const peer = parseDialable(peerText);
  if (peer === undefined || rest.length > 0 || adminText === '') return undefined;
  const hasClient = clientText !== undefined && !(clientText === '' && adminText !== undefined);
  const client = hasClient ? parseDialable(clientText) : undefined;
  const admin = parseDialable(adminText);
  if ((hasClient && client === undefined) || (adminText !== undefined && admin === undefined))
    return undefined;
  return { peer, ...(client && { client }), ...(admin && { admin }) };
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

/** The address as a configuration writes it for a server that becomes a member at `index` or later. */
export function markedAddress(address: string, index: number): string {
  return `${unmarked(address)}#${index}`;
}

/** The index in the mark, which rises from one membership of an id to the next; 0 for one that the cluster was founded with. */
export function memberSince(address: string | undefined): number {
  return Number(MARK.exec(address ?? '')?.[0].slice(1) ?? 0);
}

export function unmarked(address: string): string {
  return address.replace(MARK, '');
}

const MARK = /#\d+$/;

/** An endpoint that others can be told: port 0 means nothing to them. */
function parseDialable(text: string | undefined): Endpoint | undefined {
  const endpoint = text === undefined ? undefined : parseEndpoint(text);
  return endpoint?.port === 0 ? undefined : endpoint;
}

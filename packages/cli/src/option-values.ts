// Reads what is typed behind options. What is wrong is told in one sentence that names the value and what is wanted.

import { type Endpoint, formatEndpoint, parseEndpoint } from '@waldb/io';
import type { Members } from '@waldb/runtime';
import { formatServerAddress } from '@waldb/runtime/server-address';
import { InvalidArgumentError } from 'commander';

export const PORT_MAX = 65_535;
export const NODES_MAX = 9;

export interface MemberEndpoints {
  readonly id: number;
  readonly peer: Endpoint;
  readonly client: Endpoint;
  readonly admin: Endpoint;
}

export function parsePort(text: string): number {
  const port = parseWhole(text);
  if (port === undefined || port < 1 || port > PORT_MAX) {
    throw new InvalidArgumentError(`A port is a whole number from 1 to ${PORT_MAX}.`);
  }
  return port;
}

export function parseId(text: string): number {
  const id = parseWhole(text);
  if (id === undefined || id < 1) throw new InvalidArgumentError('An id is a whole number from 1.');
  return id;
}

export function parseNodes(text: string): number {
  const nodes = parseWhole(text);
  if (nodes === undefined || nodes < 1 || nodes > NODES_MAX) {
    throw new InvalidArgumentError(`A cluster has 1 to ${NODES_MAX} nodes.`);
  }
  return nodes;
}

export function parseAddress(text: string): Endpoint {
  const endpoint = parseEndpoint(text);
  if (endpoint === undefined || endpoint.port === 0) {
    throw new InvalidArgumentError('An address looks like 127.0.0.1:7201 or [::1]:7201.');
  }
  return endpoint;
}

export function parseHost(text: string): string {
  const host = parseEndpoint(`${text.includes(':') ? `[${text}]` : text}:1`)?.host;
  if (host === undefined)
    throw new InvalidArgumentError('A host is a name or an IP address, without a port.');
  return host;
}

/** `peers[/clients[/admin]]`: where a server is reached by whom; the middle one may be empty. */
export function parseMemberAddress(text: string): string {
  const [peer = '', client = '', admin, ...rest] = text.split('/');
  if (rest.length > 0) throw new InvalidArgumentError('At most three addresses: peers/clients/admin.');
  return formatServerAddress({
    peer: parseAddress(peer),
    ...(client !== '' && { client: parseAddress(client) }),
    ...(admin !== undefined && { admin: parseAddress(admin) }),
  });
}

/** `1=127.0.0.1:7201/127.0.0.1:7101,2=...`: ids, each with its addresses. */
export function parsePeers(text: string): Members {
  const members: Record<number, string> = {};
  for (const item of text.split(',')) {
    const match = /^(\d+)=(.+)$/.exec(item.trim());
    if (match === null) {
      throw new InvalidArgumentError(
        `${JSON.stringify(item)} is not one of the form 1=127.0.0.1:7201 or 1=127.0.0.1:7201/127.0.0.1:7101.`,
      );
    }
    const [, idText = '', addressText = ''] = match;
    const id = parseId(idText);
    if (members[id] !== undefined) throw new InvalidArgumentError(`Id ${id} is there twice.`);
    members[id] = parseMemberAddress(addressText);
  }
  return members;
}

/** What `parsePeers` reads. */
export function formatPeers(members: readonly MemberEndpoints[]): string {
  return members
    .map(({ id, peer, client, admin }) => `${id}=${[peer, client, admin].map(formatEndpoint).join('/')}`)
    .join(',');
}

function parseWhole(text: string): number | undefined {
  const value = /^\d{1,16}$/.test(text) ? Number(text) : undefined;
  return value !== undefined && Number.isSafeInteger(value) ? value : undefined;
}

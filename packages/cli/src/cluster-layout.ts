// Where the servers of a cluster on one machine are: ports one after the other, directories side by side.

import { join } from 'node:path';
import { EXIT, ExitError } from './exit.js';
import { type MemberEndpoints, PORT_MAX } from './option-values.js';

export const DEFAULT_PORT = 7101;
/** From a port for clients to the port for peers, where none was given. */
export const PEER_PORT_OFFSET = 100;
/** The same to the port for operators. */
export const ADMIN_PORT_OFFSET = 200;
/** Operators come from this machine: nobody else can reach their port, whether it wants a token or not. */
const ADMIN_HOST = '127.0.0.1';

export interface ClusterPorts {
  readonly nodes: number;
  readonly host: string;
  /** The first server's port for clients; the others follow. */
  readonly port: number;
  /** The first server's port for its peers; the others follow. */
  readonly peerPort: number;
  /** The first server's port for operators, on the loopback; the others follow. */
  readonly adminPort: number;
}

/** Errors: `ExitError` where ports overlap or end. */
export function layOut({ nodes, host, port, peerPort, adminPort }: ClusterPorts): MemberEndpoints[] {
  const ranges = [
    { whose: 'clients', from: port },
    { whose: 'peers', from: peerPort },
    { whose: 'operators', from: adminPort },
  ].sort((a, b) => a.from - b.from);
  const last = Math.max(...ranges.map(({ from }) => from)) + nodes - 1;
  if (last > PORT_MAX)
    throw new ExitError(
      EXIT.refused,
      `${nodes} nodes need ports up to ${last}, but ports end at ${PORT_MAX}.`,
    );
  for (const [nth, { whose, from }] of ranges.entries()) {
    const next = ranges[nth + 1];
    if (next === undefined || next.from - from >= nodes) continue;
    throw new ExitError(
      EXIT.refused,
      `Ports for ${whose} (from ${from}) and for ${next.whose} (from ${next.from}) overlap with ${nodes} nodes.`,
    );
  }
  return Array.from({ length: nodes }, (_, nth) => ({
    id: nth + 1,
    peer: { host, port: peerPort + nth },
    client: { host, port: port + nth },
    admin: { host: ADMIN_HOST, port: adminPort + nth },
  }));
}

export function directoryOf(directory: string, id: number): string {
  return join(directory, `node-${id}`);
}

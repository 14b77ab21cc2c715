// Which cluster a new server is to join, asked of the admin port of one that is in it.

import { type Endpoint, formatEndpoint } from '@waldb/io';
import type { Members } from '@waldb/runtime';
import { formatServerAddress, parseServerAddress } from '@waldb/runtime/server-address';
import type { AdminTrust } from '../admin/ask-admin.js';
import { EXIT, ExitError } from '../exit.js';
import { AdminClient } from './admin-client.js';

export interface JoinedCluster {
  readonly cluster: string;
  readonly members: Members;
}

/** Errors: `ExitError`. */
export async function findCluster(
  { admin, trust }: { readonly admin: Endpoint; readonly trust: AdminTrust | undefined },
  ownId: number,
): Promise<JoinedCluster> {
  const access = { servers: [formatEndpoint(admin)], token: undefined, trust };
  const view = await new AdminClient(access).members();
  const members: Record<number, string> = {};
  for (const { id, peer, client, role } of view.members) {
    if (id === ownId && role !== 'learner') throw idIsTaken(ownId);
    const address = parseServerAddress([peer, client].filter(Boolean).join(','));
    if (id !== ownId && address !== undefined) members[id] = formatServerAddress(address);
  }
  return { cluster: view.cluster, members };
}

function idIsTaken(id: number): ExitError {
  return new ExitError(
    EXIT.refused,
    `Server ${id} is a voter of that cluster, and this directory is empty: it may have forgotten votes and commands. ` +
      `Give it its directory back; or remove it first (waldb members remove ${id}) and start again.`,
  );
}

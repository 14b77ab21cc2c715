// A requested change as it goes into the log: with the mark of each membership behind its address (docs/protocol.md,
// section 7). Must be asked in the turn in which the change is proposed: what is known a moment earlier may speak of a
// membership that has ended meanwhile.

import type { Configuration, Index, NodeId } from '@waldb/core';
import type { ChangeRequest } from '../request/changes.js';
import { memberIds } from './address-book.js';
import { markedAddress, memberSince, unmarked } from './server-address.js';

/** A member keeps its mark, whoever is new gets one of its own: no earlier membership of it had an index as late as this. */
export function markedChange(
  request: ChangeRequest,
  present: Configuration,
  lastIndex: Index,
): ChangeRequest {
  const ids = memberIds(present);
  const marked = (id: NodeId, address: string): string => {
    const since = ids.has(id) ? memberSince(present.addresses[id]) : lastIndex;
    return since === 0 ? unmarked(address) : markedAddress(address, since);
  };
  switch (request.type) {
    case 'addServer':
    case 'addLearner':
      if (request.address === undefined) return request;
      return { ...request, address: marked(request.id, request.address) };
    case 'changeMembership': {
      const addresses = Object.entries(request.addresses ?? {}).map(([id, address]) => [
        id,
        marked(Number(id), address),
      ]);
      return { ...request, addresses: Object.fromEntries(addresses) };
    }
    default:
      return request;
  }
}

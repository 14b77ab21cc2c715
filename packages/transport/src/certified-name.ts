// Which server a certificate is for. A certificate names it in a URI among its subject alternative names:
//
//   waldb://<cluster>/<server id>
//
// Ids are what Raft counts votes by, so ids are what has to be proven: host names and addresses may change under a
// server, and prove nothing about its vote. The cluster's name in it is whatever the authority wrote; two servers talk
// when both are certified for the same one. It keeps clusters apart that share an authority, before any of them exists.

import type { NodeId } from '@waldb/core';
import type { StreamIdentity } from '@waldb/io';
import { TransportError } from './transport-error.js';

export interface CertifiedName {
  /** 1 to 64 letters, digits, dots, hyphens and underscores. */
  readonly cluster: string;
  readonly id: NodeId;
}

const CLUSTER = '[A-Za-z0-9._-]{1,64}';
const NAME = new RegExp(`^waldb://(${CLUSTER})/([1-9]\\d{0,15})$`);
/** Of what a stranger's certificate says, this much is told. */
const TOLD_NAMES_MAX = 4;

/** Undefined when a certificate cannot say it. */
export function formatCertifiedName({ cluster, id }: CertifiedName): string | undefined {
  const uri = `waldb://${cluster}/${id}`;
  return parseCertifiedName(uri) === undefined ? undefined : uri;
}

/** Undefined when the URI is about something else. */
export function parseCertifiedName(uri: string): CertifiedName | undefined {
  const [, cluster, digits] = NAME.exec(uri) ?? [];
  const id = Number(digits);
  return cluster === undefined || !Number.isSafeInteger(id) ? undefined : { cluster, id };
}

/** The clusters for which `uris` name the server `id`. */
export function certifiedClusters(uris: readonly string[], id: NodeId): ReadonlySet<string> {
  const names = uris.map(parseCertifiedName).filter((name) => name !== undefined);
  return new Set(names.filter((name) => name.id === id).map((name) => name.cluster));
}

/**
 * That the certificates on both ends are those of `ownId` and `peerId`, in one cluster. Without an identity nobody has
 * proven anything, and nobody was asked to: the network is a plain one. Errors: `CERTIFICATE_MISMATCH`.
 */
export function checkIdentity(identity: StreamIdentity | undefined, ownId: NodeId, peerId: NodeId): void {
  if (identity === undefined) return;
  const { ours, theirs } = identity;
  const clusters = certifiedClusters(ours, ownId);
  for (const cluster of certifiedClusters(theirs, peerId)) if (clusters.has(cluster)) return;
  const found = theirs.filter((uri) => parseCertifiedName(uri) !== undefined).slice(0, TOLD_NAMES_MAX);
  const wanted = [...clusters].map((cluster) => `waldb://${cluster}/${peerId}`);
  throw new TransportError(
    'CERTIFICATE_MISMATCH',
    `The certificate of the other end is for ${found.join(', ') || 'no server'}, not for ${wanted.join(' or ') || `server ${peerId} of a cluster of ours`}.`,
    { peer: peerId, found, wanted },
  );
}

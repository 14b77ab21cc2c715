// Certificates for the servers of a soak that speak TLS: an authority of its own, and one certificate for each id.

import { createAuthority, issueCertificate } from '../../packages/certs/src/index.js';
import type { ServerPlan } from './protocol.js';

export type ServerCertificates = ReadonlyMap<number, NonNullable<ServerPlan['tls']>>;

const HOUR_MS = 3_600_000;
const VALID_HOURS = 48;

export async function issueServerCertificates(
  cluster: string,
  ids: readonly number[],
): Promise<ServerCertificates> {
  const now = Date.now();
  const validity = { notBefore: new Date(now - HOUR_MS), notAfter: new Date(now + VALID_HOURS * HOUR_MS) };
  const authority = await createAuthority({ ...validity, commonName: 'soak' });
  const certificates = await Promise.all(
    ids.map(async (id) => {
      const request = { ...validity, commonName: `server ${id}`, uris: [`waldb://${cluster}/${id}`] };
      const { cert, key } = await issueCertificate(request, authority);
      return [id, { ca: authority.cert, cert, key }] as const;
    }),
  );
  return new Map(certificates);
}

import { createPrivateKey, X509Certificate } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { createAuthority, issueCertificate } from '../src/index.js';

const VALIDITY = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2040-01-01T00:00:00Z') };
const REQUEST = { ...VALIDITY, commonName: 'node, 1', uris: ['waldb://c/1', 'urn:x:y'] };

describe('an authority', () => {
  it('signs certificates that OpenSSL verifies, for the time, the names and the key that were asked for', async () => {
    const authority = await createAuthority({ ...VALIDITY, commonName: 'CA' });
    const { cert, key } = await issueCertificate(REQUEST, authority);
    const ca = new X509Certificate(authority.cert);
    const found = new X509Certificate(cert);
    expect(ca.ca).toBe(true);
    expect(found.ca).toBe(false);
    expect(found.checkIssued(ca)).toBe(true);
    expect(found.verify(ca.publicKey)).toBe(true);
    expect(found.subjectAltName).toBe('URI:waldb://c/1, URI:urn:x:y');
    expect(found.subject).toBe('CN=node\\, 1');
    expect(new Date(found.validFrom)).toEqual(VALIDITY.notBefore);
    expect(new Date(found.validTo)).toEqual(VALIDITY.notAfter);
    expect(found.checkPrivateKey(createPrivateKey(key))).toBe(true);
  });

  it('is not another one of the same name, and never gives a serial number twice', async () => {
    const one = await createAuthority({ ...VALIDITY, commonName: 'CA' });
    const two = await createAuthority({ ...VALIDITY, commonName: 'CA' });
    const certificates = await Promise.all([1, 2].map(() => issueCertificate(REQUEST, one)));
    const [first, second] = certificates.map(({ cert }) => new X509Certificate(cert));
    expect(first?.verify(new X509Certificate(two.cert).publicKey)).toBe(false);
    expect(first?.serialNumber).not.toBe(second?.serialNumber);
  });

  it('without one, a certificate is signed by itself', async () => {
    const found = new X509Certificate((await issueCertificate(REQUEST)).cert);
    expect(found.verify(found.publicKey)).toBe(true);
    expect(found.issuer).toBe(found.subject);
  });
});

// A certificate authority in a few lines: for development, for tests, and for small clusters that have none. Knows
// X.509 and nothing of waldb; must never keep a key anywhere but in what it returns, and never reads a clock: whoever
// asks says from when to when a certificate holds.
//
// Keys are ECDSA on P-256, made and used by the platform's own WebCrypto; the library only writes the DER around them.

import 'reflect-metadata'; // what the library's parts find each other by; it must be there first
import { webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';

/** What is written to files: a certificate and the private key that belongs to it, both as PEM. */
export interface CertificateFiles {
  readonly cert: string;
  /** PKCS #8, not encrypted: whoever can read it can be whom the certificate names. */
  readonly key: string;
}

/** Signs certificates. `cert` is what servers trust (`ca`); `key` is needed only to sign more, not by any server. */
export type Authority = CertificateFiles;

export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

export interface CertificateRequest extends Validity {
  /** For people; nothing is decided by it. */
  readonly commonName: string;
  /** Subject alternative names of kind URI: what a peer is recognised by. */
  readonly uris: readonly string[];
  /** Names and IP addresses of the host, for clients that compare where they connect to. */
  readonly hosts?: readonly string[];
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const SERIAL_BYTES = 16;
const SERVER_AUTH = '1.3.6.1.5.5.7.3.1';
const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';

/** A new authority. It can sign certificates of servers, and no further authorities. */
export async function createAuthority(
  options: Validity & { readonly commonName: string },
): Promise<Authority> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    serialNumber: serialNumber(),
    name: nameOf(options.commonName),
    notBefore: options.notBefore,
    notAfter: options.notAfter,
    signingAlgorithm: ALGORITHM,
    keys,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey, false),
    ],
  });
  return { cert: pem(certificate), key: await keyPem(keys.privateKey) };
}

/**
 * A certificate for both ends of a connection: peers dial each other. Without an authority it is signed by itself, which
 * nobody trusts. Errors: those of the library when the authority's PEM cannot be read.
 */
export async function issueCertificate(
  request: CertificateRequest,
  authority?: Authority,
): Promise<CertificateFiles> {
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
  const issuer = authority === undefined ? undefined : new x509.X509Certificate(authority.cert);
  const subject = nameOf(request.commonName);
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject,
    issuer: issuer?.subject ?? subject,
    notBefore: request.notBefore,
    notAfter: request.notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: authority === undefined ? keys.privateKey : await readKey(authority.key),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([SERVER_AUTH, CLIENT_AUTH], false),
      new x509.SubjectAlternativeNameExtension(alternativeNames(request)),
      ...(issuer === undefined ? [] : [await x509.AuthorityKeyIdentifierExtension.create(issuer, false)]),
    ],
  });
  return { cert: pem(certificate), key: await keyPem(keys.privateKey) };
}

function alternativeNames({ uris, hosts = [] }: CertificateRequest): x509.JsonGeneralNames {
  return [
    ...uris.map((value) => ({ type: 'url' as const, value })),
    ...hosts.map((value) => ({ type: isAddress(value) ? ('ip' as const) : ('dns' as const), value })),
  ];
}

/** Of a host: an IP address has colons, or is four numbers. */
function isAddress(host: string): boolean {
  return host.includes(':') || /^\d+(?:\.\d+){3}$/.test(host);
}

function nameOf(commonName: string): string {
  return new x509.Name([{ CN: [commonName] }]).toString();
}

/** Positive, and never given twice. */
function serialNumber(): string {
  const bytes = webcrypto.getRandomValues(new Uint8Array(SERIAL_BYTES));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return Buffer.from(bytes).toString('hex');
}

function pem(certificate: x509.X509Certificate): string {
  return `${certificate.toString('pem')}\n`;
}

async function keyPem(key: webcrypto.CryptoKey): Promise<string> {
  const bytes = await webcrypto.subtle.exportKey('pkcs8', key);
  return `${x509.PemConverter.encode(bytes, 'PRIVATE KEY')}\n`;
}

async function readKey(key: string): Promise<webcrypto.CryptoKey> {
  const bytes = x509.PemConverter.decodeFirst(key);
  return await webcrypto.subtle.importKey('pkcs8', bytes, ALGORITHM, false, ['sign']);
}

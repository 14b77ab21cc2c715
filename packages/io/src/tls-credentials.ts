// What a server shows and trusts: an authority, its own certificate, its key. Everything that can be known to be wrong
// about them is found here, at the start, rather than by every peer at every connection.

import { constants, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { NetworkError } from './network.js';

/** All as PEM. */
export interface TlsCredentials {
  /** The authorities whose certificates are believed; several while one follows another. No others are, not the machine's. */
  readonly ca: string | Uint8Array;
  /** Our certificate, and behind it those between it and the authority, if there are any. */
  readonly cert: string | Uint8Array;
  /** The private key of our certificate, not encrypted. */
  readonly key: string | Uint8Array;
}

/** Which of the three, and what is wrong with it. */
export type CredentialsPart = keyof TlsCredentials;
export type CredentialsProblem =
  | 'NOT_PEM'
  | 'ENCRYPTED'
  | 'KEY_MISMATCH'
  | 'EXPIRED'
  | 'NOT_YET_VALID'
  | 'UNUSABLE';

export interface LoadedCredentials {
  /** For a listener. */
  readonly options: SecureContextOptions;
  /** The same, for dialling. */
  readonly context: SecureContext;
  /** The URIs that our certificate names. */
  readonly uris: readonly string[];
  readonly validTo: Date;
}

/** Errors: `NetworkError` `CREDENTIALS_UNUSABLE`, with `detail.part` and `detail.problem`. */
export function loadCredentials(credentials: TlsCredentials): LoadedCredentials {
  const ca = text(credentials.ca);
  const cert = text(credentials.cert);
  for (const authority of certificatesIn(ca, 'ca')) certificate(authority, 'ca');
  const [first = ''] = certificatesIn(cert, 'cert');
  const own = certificate(first, 'cert');
  const key = privateKey(text(credentials.key));
  if (!own.checkPrivateKey(key)) throw unusable('key', 'KEY_MISMATCH', 'does not belong to the certificate');
  const now = Date.now();
  const validTo = new Date(own.validTo);
  if (now > validTo.getTime()) throw unusable('cert', 'EXPIRED', `expired on ${validTo.toISOString()}`);
  const validFrom = new Date(own.validFrom);
  if (now < validFrom.getTime())
    throw unusable('cert', 'NOT_YET_VALID', `is not valid before ${validFrom.toISOString()}`);
  const options: SecureContextOptions = {
    ca,
    cert,
    key: text(credentials.key),
    // Both ends are ours. It has no weak ciphers to choose, and hides certificates from onlookers.
    minVersion: 'TLSv1.3',
    // Without tickets no session is taken up again: each connection proves itself anew, by what is trusted then.
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
  try {
    return { options, context: createSecureContext(options), uris: urisOf(own), validTo };
  } catch (cause) {
    throw unusable('cert', 'UNUSABLE', `is not accepted: ${String(cause)}`, cause);
  }
}

/** The URIs among a certificate's subject alternative names; none when they cannot be told apart for certain. */
export function urisOf({ subjectAltName }: X509Certificate): string[] {
  const uris: string[] = [];
  let rest = subjectAltName ?? '';
  while (rest !== '') {
    const match = ALTERNATIVE_NAME.exec(rest);
    if (match === null) return [];
    const [whole, kind, quoted, plain] = match;
    // A name that could be taken for two comes quoted; those that we look for never need that.
    if (kind === 'URI' && quoted === undefined && plain !== undefined) uris.push(plain);
    rest = rest.slice(whole.length);
  }
  return uris;
}

const ALTERNATIVE_NAME = /^([A-Za-z][A-Za-z ]*):(?:("(?:[^"\\]|\\.)*")|([^",]*))(?:, |$)/;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

const PART_NAMES: Readonly<Record<CredentialsPart, string>> = {
  ca: 'authority',
  cert: 'certificate',
  key: 'key',
};

function certificatesIn(pem: string, part: CredentialsPart): readonly string[] {
  const found = pem.match(CERTIFICATE);
  if (found === null) throw unusable(part, 'NOT_PEM', 'is no PEM file with a certificate in it');
  return found;
}

function certificate(pem: string, part: CredentialsPart): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch (cause) {
    throw unusable(part, 'NOT_PEM', 'holds a certificate that cannot be read', cause);
  }
}

function privateKey(pem: string): KeyObject {
  if (!/-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(pem)) {
    throw unusable('key', 'NOT_PEM', 'is no PEM file with a private key in it');
  }
  try {
    return createPrivateKey(pem);
  } catch (cause) {
    if (/ENCRYPTED/.test(pem)) throw unusable('key', 'ENCRYPTED', 'is encrypted with a passphrase', cause);
    throw unusable('key', 'NOT_PEM', 'holds a private key that cannot be read', cause);
  }
}

function text(pem: string | Uint8Array): string {
  return typeof pem === 'string' ? pem : Buffer.from(pem).toString('latin1');
}

function unusable(
  part: CredentialsPart,
  problem: CredentialsProblem,
  what: string,
  cause?: unknown,
): NetworkError {
  const message = `The TLS ${PART_NAMES[part]} ${what}.`;
  return new NetworkError('CREDENTIALS_UNUSABLE', message, { part, problem, what }, { cause });
}

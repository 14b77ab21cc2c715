// What the machine says when TLS goes wrong, in our codes and in words for people.

import type { NetworkErrorCode } from './network.js';

type Trouble = readonly [NetworkErrorCode, string];

/** What OpenSSL reports when the bytes are those of no TLS at all. */
const NO_TLS = new Set([
  'ERR_SSL_WRONG_VERSION_NUMBER',
  'ERR_SSL_HTTP_REQUEST',
  'ERR_SSL_HTTPS_PROXY_REQUEST',
  'ERR_SSL_PACKET_LENGTH_TOO_LONG',
  'ERR_SSL_BAD_RECORD_TYPE',
]);

/** Of a handshake or of a connection; undefined when it has nothing to do with TLS. */
export function tlsTrouble(cause: NodeJS.ErrnoException & { reason?: string }): Trouble | undefined {
  const { code = '', reason, message } = cause;
  if (NO_TLS.has(code)) return ['TLS_MISSING', 'the other end does not speak TLS'];
  if (code === 'ERR_TLS_HANDSHAKE_TIMEOUT') return ['TLS_FAILED', 'the TLS handshake took too long'];
  if (!code.startsWith('ERR_SSL_') && !code.startsWith('ERR_TLS_')) return undefined;
  return ['TLS_FAILED', `TLS: ${reason ?? message}`];
}

const VERDICTS: Readonly<Record<string, Trouble>> = {
  CERT_HAS_EXPIRED: ['CERTIFICATE_EXPIRED', 'its certificate has expired'],
  CERT_NOT_YET_VALID: ['CERTIFICATE_NOT_YET_VALID', 'its certificate is not valid yet, by the clock here'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['CERTIFICATE_UNTRUSTED', 'its certificate is signed by itself'],
  SELF_SIGNED_CERT_IN_CHAIN: ['CERTIFICATE_UNTRUSTED', 'its certificate comes from another authority'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['CERTIFICATE_UNTRUSTED', 'its certificate comes from another authority'],
  UNABLE_TO_GET_ISSUER_CERT: ['CERTIFICATE_UNTRUSTED', 'its certificate comes from another authority'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: [
    'CERTIFICATE_UNTRUSTED',
    'its certificate comes from another authority',
  ],
};

/** Why a certificate that was shown is not believed; `verdict` is OpenSSL's name for it. */
export function certificateTrouble(verdict: string): Trouble {
  return VERDICTS[verdict] ?? ['CERTIFICATE_UNTRUSTED', `its certificate is not accepted (${verdict})`];
}

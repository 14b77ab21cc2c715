// The TLS of the admin port: what it shows to whoever asks, and whom it believes when it asks the admin ports of the others.
// The files are read at the start, and again when they have changed. Must never put a key into a message.

import { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';
import type { Logger } from 'pino';
import { whenFilesChange } from '../clients/changed-files.js';
import { readNamedFile } from '../clients/named-file.js';
import { EXIT, ExitError } from '../exit.js';
import type { AdminTrust } from './ask-admin.js';

/** Paths; all may be absent. */
export interface AdminTlsFiles {
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The authority of the other servers' admin ports. */
  readonly ca: string | undefined;
}

/** PEM texts. */
export interface AdminCertificate {
  readonly cert: string;
  readonly key: string;
}

interface AdminPems {
  readonly certificate: AdminCertificate | undefined;
  readonly ca: string | undefined;
}

export class AdminTls {
  readonly #files: AdminTlsFiles;
  #pems: AdminPems;

  /** Errors: `ExitError` (refused), naming the flag and the file. */
  constructor(files: AdminTlsFiles) {
    this.#files = files;
    this.#pems = read(files);
  }

  /** What the port shows; undefined: it speaks plain HTTP. */
  get certificate(): AdminCertificate | undefined {
    return this.#pems.certificate;
  }

  /** How the others are asked: all servers of a cluster have TLS at their admin ports, or none. */
  get trust(): AdminTrust | undefined {
    const { certificate, ca } = this.#pems;
    return certificate === undefined && ca === undefined ? undefined : { ca };
  }

  /** Whether the certificate names this host. A page whose name was pointed here has no certificate for that name. */
  names(host: string): boolean {
    const { certificate } = this.#pems;
    return certificate !== undefined && new X509Certificate(certificate.cert).checkHost(host) !== undefined;
  }

  /** New connections are shown renewed files. Returns what ends it. */
  watch(onChange: (certificate: AdminCertificate) => void, logger: Logger): () => void {
    const files = Object.values(this.#files).filter((path) => path !== undefined);
    if (files.length === 0) return () => undefined;
    return whenFilesChange(files, () => {
      try {
        this.#pems = read(this.#files);
        if (this.certificate !== undefined) onChange(this.certificate);
        logger.info({ files }, "the admin port's TLS files have changed: new connections use them");
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        logger.error(
          { files },
          `The admin port's TLS files have changed, and cannot be used; the old ones stay: ${why}`,
        );
      }
    });
  }
}

function read({ cert, key, ca }: AdminTlsFiles): AdminPems {
  const authority = ca === undefined ? undefined : readNamedFile('--admin-tls-ca', ca, 'latin1');
  if (authority !== undefined) usable('--admin-tls-ca', ca, { ca: authority });
  if (cert === undefined && key === undefined) return { certificate: undefined, ca: authority };
  if (cert === undefined || key === undefined) {
    const missing = cert === undefined ? '--admin-tls-cert' : '--admin-tls-key';
    throw new ExitError(
      EXIT.refused,
      `TLS for operators takes --admin-tls-cert and --admin-tls-key together; ${missing} is missing.`,
      { code: 'SETTING_INVALID' },
    );
  }
  const certificate = {
    cert: readNamedFile('--admin-tls-cert', cert, 'latin1'),
    key: readNamedFile('--admin-tls-key', key, 'latin1'),
  };
  usable('--admin-tls-cert', cert, { cert: certificate.cert });
  usable('--admin-tls-key', key, certificate);
  return { certificate, ca: authority };
}

/** Errors: `ExitError` (refused), without anything that is in the file. */
function usable(
  flag: string,
  path: string | undefined,
  pems: Parameters<typeof createSecureContext>[0],
): void {
  try {
    createSecureContext(pems);
    if (typeof pems?.ca === 'string') new X509Certificate(pems.ca);
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException; // OpenSSL's errors have one
    const why = /MISMATCH/.test(code)
      ? 'it does not belong to the certificate'
      : 'it is no PEM that can be used';
    throw new ExitError(EXIT.refused, `${flag} ${path}: ${why} (${code}).`, {
      cause: error,
      code: 'FILE_UNUSABLE',
    });
  }
}

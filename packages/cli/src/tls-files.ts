// The TLS files of a server: read at the start, and read again when they have changed, so that certificates can be
// renewed while the server runs. Must never put a key, or anything that was in its file, into a message.

import { RuntimeError, type TlsCredentials } from '@waldb/runtime';
import type { Logger } from 'pino';
import { whenFilesChange } from './clients/changed-files.js';
import { readNamedFile } from './clients/named-file.js';
import { EXIT, ExitError } from './exit.js';

/** Where the authority, the certificate and the key are. */
export type TlsFiles = Readonly<Record<keyof TlsCredentials, string>>;

const FLAGS: TlsFiles = { ca: '--tls-ca', cert: '--tls-cert', key: '--tls-key' };
const PARTS = ['ca', 'cert', 'key'] as const;

/** What was given on the command line: all three, or none. */
export type TlsFlags = { readonly [Part in keyof TlsFiles]: string | undefined };

/** Undefined when there are none. Errors: `ExitError` when some are missing. */
export function tlsFilesOf(given: TlsFlags): TlsFiles | undefined {
  const { ca, cert, key } = given;
  if (ca !== undefined && cert !== undefined && key !== undefined) return { ca, cert, key };
  const missing = PARTS.filter((part) => given[part] === undefined).map((part) => FLAGS[part]);
  if (missing.length === PARTS.length) return undefined;
  throw new ExitError(
    EXIT.refused,
    `TLS takes ${PARTS.map((part) => FLAGS[part]).join(', ')} together; ${missing.join(' and ')} ${missing.length === 1 ? 'is' : 'are'} missing.`,
  );
}

/** Errors: `ExitError`, naming the flag and the file. */
export function readTlsFiles(files: TlsFiles): TlsCredentials {
  return { ca: read(files, 'ca'), cert: read(files, 'cert'), key: read(files, 'key') };
}

/** The same error, with the file that it is about; others as they are. */
export function withTlsFile(error: unknown, files: TlsFiles | undefined): unknown {
  if (files === undefined || !(error instanceof RuntimeError)) return error;
  const { option, what } = error.detail;
  const part = PARTS.find((one) => option === `tls.${one}`);
  if (part === undefined) return error;
  const about = `${FLAGS[part]} ${files[part]}`;
  const message = what === undefined ? `${about}: ${error.message}` : `${about} ${String(what)}.`;
  return new ExitError(EXIT.refused, message, { cause: error });
}

/** Calls `replace` with what is in the files whenever they have changed. Returns what ends it. */
export function watchTlsFiles(
  files: TlsFiles,
  replace: (credentials: TlsCredentials) => void,
  logger: Logger,
): () => void {
  const paths = PARTS.map((part) => files[part]);
  return whenFilesChange(paths, () => {
    try {
      replace(readTlsFiles(files));
      logger.info({ files }, 'the TLS files have changed: new connections use them');
    } catch (error) {
      const why = withTlsFile(error, files);
      const message = why instanceof Error ? why.message : String(why);
      logger.error(
        { files },
        `The TLS files have changed, and cannot be used; the old ones stay: ${message}`,
      );
    }
  });
}

function read(files: TlsFiles, part: keyof TlsFiles): string {
  return readNamedFile(FLAGS[part], files[part], 'latin1');
}

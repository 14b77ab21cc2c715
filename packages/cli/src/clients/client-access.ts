// Who may use the clients' port, and how it is spoken to: TLS files and a file of users, as settings name them.

import type { ClientTlsOptions, RespServer, UserOptions } from '@waldb/kv';
import type { Logger } from 'pino';
import { EXIT, ExitError } from '../exit.js';
import { whenFilesChange } from './changed-files.js';
import { readNamedFile } from './named-file.js';
import { readUsersFile } from './users-file.js';

/** Paths; all may be absent. */
export interface ClientAccess {
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** With it, clients must show a certificate of this authority. */
  readonly tlsCa: string | undefined;
  readonly usersFile: string | undefined;
}

/** What `RespServer.start` takes of it. Errors: `ExitError` (refused), naming the flag and the file. */
export function readClientAccess(access: ClientAccess): {
  readonly tls?: ClientTlsOptions;
  readonly users?: readonly UserOptions[];
} {
  const tls = readClientTls(access);
  const users = access.usersFile === undefined ? undefined : readUsersFile('--users-file', access.usersFile);
  return { ...(tls && { tls }), ...(users && { users }) };
}

/** New connections are shown renewed files. Returns what ends it. */
export function watchClientTls(
  access: ClientAccess,
  resp: Pick<RespServer, 'replaceCertificate'>,
  logger: Logger,
): () => void {
  const files = [access.tlsCert, access.tlsKey, access.tlsCa].filter((path) => path !== undefined);
  if (files.length === 0) return () => undefined;
  return whenFilesChange(files, () => {
    try {
      const tls = readClientTls(access);
      if (tls !== undefined) resp.replaceCertificate(tls);
      logger.info({ files }, "the clients' TLS files have changed: new connections use them");
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      logger.error(
        { files },
        `The clients' TLS files have changed, and cannot be used; the old ones stay: ${why}`,
      );
    }
  });
}

/** Whether anybody who reaches the port may do anything. */
export function isOpenToAnybody({ tlsCa, usersFile }: ClientAccess): boolean {
  return tlsCa === undefined && usersFile === undefined;
}

function readClientTls({ tlsCert, tlsKey, tlsCa }: ClientAccess): ClientTlsOptions | undefined {
  if (tlsCert === undefined && tlsKey === undefined && tlsCa === undefined) return undefined;
  if (tlsCert === undefined || tlsKey === undefined) {
    const missing = tlsCert === undefined ? '--client-tls-cert' : '--client-tls-key';
    throw new ExitError(
      EXIT.refused,
      `TLS for clients takes --client-tls-cert and --client-tls-key together; ${missing} is missing.`,
    );
  }
  return {
    cert: readNamedFile('--client-tls-cert', tlsCert, 'latin1'),
    key: readNamedFile('--client-tls-key', tlsKey, 'latin1'),
    ...(tlsCa !== undefined && { ca: readNamedFile('--client-tls-ca', tlsCa, 'latin1') }),
  };
}

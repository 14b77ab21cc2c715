// Asks a server for a backup, and hands on what comes: who asks decides what becomes of it. There is no limit on how
// long the server takes to save its state; once it has begun to answer, silence is an error.

import { type IncomingMessage, request } from 'node:http';
import { BACKUP_HEADER, BACKUP_PATH, type BackupFacts } from '../admin/backup.js';
import { EXIT, ExitError } from '../exit.js';
import { AdminError, authorization } from '../members/admin-client.js';

export interface FetchedBackup {
  readonly facts: BackupFacts;
  /** To be read to its end, or destroyed. */
  readonly image: IncomingMessage;
}

const SILENCE_MS_MAX = 60_000;
const ANSWER_BYTES_MAX = 64 * 1024;

interface Wish {
  readonly stale: boolean;
  /** Where the servers want one for what gives everything away. */
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

/** The first server that can be reached is the one that answers. Errors: `ExitError`. */
export async function fetchBackup(servers: readonly string[], wish: Wish): Promise<FetchedBackup> {
  const failures: string[] = [];
  for (const server of servers) {
    const response = await ask(server, wish).catch((error: NodeJS.ErrnoException) => {
      if (wish.signal.aborted) throw error;
      const why =
        error.code === 'ECONNREFUSED' ? 'nothing listens there (waldb serve --admin)' : error.message;
      failures.push(`No answer from ${server}: ${why}.`);
    });
    if (response !== undefined) return await understand(server, response);
  }
  throw new ExitError(EXIT.failed, failures.join(' '), { code: 'NO_ANSWER' });
}

function ask(server: string, { stale, token, signal }: Wish): Promise<IncomingMessage> {
  const body = JSON.stringify({ stale });
  const headers = {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    ...authorization(token),
  };
  return new Promise((resolve, reject) => {
    const asked = request(`http://${server}${BACKUP_PATH}`, { method: 'POST', headers, signal }, resolve);
    asked.on('error', reject);
    asked.end(body);
  });
}

async function understand(server: string, response: IncomingMessage): Promise<FetchedBackup> {
  const header = response.headers[BACKUP_HEADER];
  if (response.statusCode === 200 && typeof header === 'string') {
    response.setTimeout(SILENCE_MS_MAX, () =>
      response.destroy(new Error('the server says nothing any more')),
    );
    return { facts: JSON.parse(header) as BackupFacts, image: response }; // of the program's own making
  }
  const { error } = await readJson(server, response);
  if (error === undefined) throw foreign(server);
  throw new AdminError(error.code, error.message);
}

async function readJson(
  server: string,
  response: IncomingMessage,
): Promise<{ readonly error?: { readonly code: string; readonly message: string } }> {
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    if (text.length > ANSWER_BYTES_MAX) throw foreign(server);
  }
  try {
    return JSON.parse(text);
  } catch {
    throw foreign(server);
  }
}

function foreign(server: string): ExitError {
  return new ExitError(
    EXIT.failed,
    `What listens at ${server} is not an admin port of this version of waldb.`,
    { code: 'NO_ANSWER' },
  );
}

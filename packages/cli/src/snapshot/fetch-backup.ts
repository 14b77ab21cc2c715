// Asks a server for a backup, and hands on what comes: who asks decides what becomes of it. There is no limit on how
// long the server takes to save its state; once it has begun to answer, silence is an error.

import type { IncomingMessage } from 'node:http';
import { bearer, describeNoAnswer, openAdmin, whyUnanswered } from '../admin/ask-admin.js';
import { BACKUP_HEADER, BACKUP_PATH, type BackupFacts } from '../admin/backup.js';
import { EXIT, ExitError } from '../exit.js';
import { AdminError } from '../members/admin-client.js';
import type { AdminAccess } from '../members/server-option.js';

export interface FetchedBackup {
  readonly facts: BackupFacts;
  /** To be read to its end, or destroyed. */
  readonly image: IncomingMessage;
}

const SILENCE_MS_MAX = 60_000;
const ANSWER_BYTES_MAX = 64 * 1024;

interface Wish extends AdminAccess {
  readonly stale: boolean;
  readonly signal: AbortSignal;
}

/** The first server that can be reached is the one that answers. Errors: `ExitError`. */
export async function fetchBackup(wish: Wish): Promise<FetchedBackup> {
  const { servers, stale, token, trust, signal } = wish;
  const question = { fields: { stale }, authorization: bearer(token), trust, signal };
  const failures: string[] = [];
  for (const server of servers) {
    const response = await openAdmin(server, BACKUP_PATH, question).catch((error: unknown) => {
      if (signal.aborted) throw error;
      failures.push(describeNoAnswer(server, whyUnanswered(error, trust)));
    });
    if (response !== undefined) return await understand(server, response);
  }
  throw new ExitError(EXIT.failed, failures.join(' '), { code: 'NO_ANSWER' });
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

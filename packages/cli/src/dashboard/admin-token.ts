// The secret that lets somebody change the cluster over the admin port (docs/security.md, "The admin token"). Must never
// put it, or anything that was sent in its place, into a message or a log.

import { createHash, timingSafeEqual } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import type { IncomingHttpHeaders } from 'node:http';
import { EXIT, ExitError } from '../exit.js';

/** Fewer could be guessed. */
export const TOKEN_LENGTH_MIN = 16;
const TOKEN_LENGTH_MAX = 1024;

/** Why a request may change nothing. */
export interface TokenRefusal {
  readonly status: 401 | 403 | 503;
  readonly code: 'TOKEN_WANTED' | 'TOKEN_WRONG' | 'TOKEN_UNREADABLE' | 'READ_ONLY';
  readonly message: string;
}

/** Errors: `ExitError` where there is none that can be used. */
export function readToken(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8').trim();
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // whatever readFileSync throws is one
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? String(error)})`;
    throw new ExitError(EXIT.refused, `The admin token ${path}: ${why}.`, {
      cause: error,
      code: 'FILE_UNUSABLE',
    });
  }
  if (text.length >= TOKEN_LENGTH_MIN && text.length <= TOKEN_LENGTH_MAX && /^[\x21-\x7e]+$/.test(text))
    return text;
  throw new ExitError(
    EXIT.refused,
    `The admin token ${path}: it has to be one line of ${TOKEN_LENGTH_MIN} to ${TOKEN_LENGTH_MAX} letters, digits and signs, without spaces.`,
    { code: 'FILE_UNUSABLE' },
  );
}

/** Whether others than its owner may read the file, where the system knows of such things. */
export function isOpenToOthers(path: string): boolean {
  return process.platform !== 'win32' && (statSync(path).mode & 0o077) !== 0;
}

/**
 * Whether a request may change something; undefined: it may. Without a token file whoever reaches the port may, but for
 * pages in a browser, which are recognised by what no script can leave out. The file is read each time, so that a new
 * token counts from the moment that it is there.
 */
export function tokenRefusal(
  headers: IncomingHttpHeaders,
  path: string | undefined,
): TokenRefusal | undefined {
  if (path === undefined) return isFromBrowser(headers) ? READ_ONLY : undefined;
  const [, given] = /^Bearer +(\S+)$/i.exec(headers.authorization ?? '') ?? [];
  if (given === undefined) return TOKEN_WANTED;
  try {
    return isSame(given, readToken(path)) ? undefined : TOKEN_WRONG;
  } catch (error) {
    if (!(error instanceof ExitError)) throw error;
    return { status: 503, code: 'TOKEN_UNREADABLE', message: error.message };
  }
}

/** A browser sends `Origin` with every POST, and says of every request where it came from. */
function isFromBrowser(headers: IncomingHttpHeaders): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined;
}

/** Takes as long for any two: of hashes of one length, in constant time. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest());
  return a !== undefined && b !== undefined && timingSafeEqual(a, b);
}

const READ_ONLY: TokenRefusal = {
  status: 403,
  code: 'READ_ONLY',
  message:
    'This server was started without an admin token: pages can only look (waldb serve --admin-token-file).',
};
const TOKEN_WANTED: TokenRefusal = {
  status: 401,
  code: 'TOKEN_WANTED',
  message: 'Changes need the admin token here: authorization: Bearer TOKEN (--admin-token-file).',
};
const TOKEN_WRONG: TokenRefusal = {
  status: 401,
  code: 'TOKEN_WRONG',
  message: 'That is not the admin token of this server.',
};

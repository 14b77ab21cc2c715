// Asks an admin port, by HTTP or, where it has a certificate, by HTTPS. A secret that is sent along never goes to a port that
// could not show a certificate that is believed, where one is wanted: there is no way back from HTTPS to HTTP.

import { type IncomingMessage, request as requestByHttp } from 'node:http';
import { request as requestByHttps } from 'node:https';

/** That HTTPS is spoken, and whom to believe. */
export interface AdminTrust {
  /** PEM; undefined: the authorities that Node trusts. */
  readonly ca: string | undefined;
}

export interface AdminQuestion {
  /** With these, something is changed: sent as JSON by POST. */
  readonly fields?: object | undefined;
  /** What the sender was given himself, or made by `bearer`. */
  readonly authorization?: string | undefined;
  /** Undefined: plain HTTP. */
  readonly trust: AdminTrust | undefined;
}

export interface AdminAnswerText {
  readonly status: number;
  readonly text: string;
}

const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

/** What says that somebody may change the cluster. */
export function bearer(token: string | undefined): string | undefined {
  return token === undefined ? undefined : `Bearer ${token}`;
}

/** Resolves once the answer begins. `address`: `host:port`. Errors: those of the connection; of the signal. */
export function openAdmin(
  address: string,
  path: string,
  { fields, authorization, trust, signal }: AdminQuestion & { readonly signal: AbortSignal },
): Promise<IncomingMessage> {
  const body = fields === undefined ? undefined : JSON.stringify(fields);
  const options = {
    method: body === undefined ? 'GET' : 'POST',
    signal,
    headers: {
      ...(body !== undefined && {
        'content-type': 'application/json',
        'content-length': Buffer.byteLength(body),
      }),
      ...(authorization !== undefined && { authorization }),
    },
    // A connection that was left open may end just then; a change cannot be asked for twice to make sure.
    ...(body !== undefined && { agent: false as const }),
  };
  return new Promise((resolve, reject) => {
    const asked =
      trust === undefined
        ? requestByHttp(`http://${address}${path}`, options, resolve)
        : requestByHttps(`https://${address}${path}`, { ...options, ca: trust.ca }, resolve);
    asked.on('error', reject);
    asked.end(body);
  });
}

/** The whole answer, whatever its status. Errors: `Error` whose message says why there is none, for people. */
export async function askAdmin(
  address: string,
  path: string,
  question: AdminQuestion & { readonly answerMsMax: number; readonly answerBytesMax?: number },
): Promise<AdminAnswerText> {
  const { answerMsMax, answerBytesMax = ANSWER_BYTES_MAX, trust } = question;
  const signal = AbortSignal.timeout(answerMsMax);
  try {
    const response = await openAdmin(address, path, { ...question, signal });
    return { status: response.statusCode ?? 0, text: await textOf(response, answerBytesMax) };
  } catch (error) {
    const why = signal.aborted ? `it said nothing for ${answerMsMax / 1000} s` : whyUnanswered(error, trust);
    throw new Error(why, { cause: error });
  }
}

const NOBODY_LISTENS = 'nothing listens there';

/** What somebody at a terminal is told: a server may run all the same, without an admin port. */
export function describeNoAnswer(server: string, why: string): string {
  const hint = why === NOBODY_LISTENS ? ' (waldb serve --admin)' : '';
  return `No answer from ${server}: ${why}${hint}.`;
}

/** In a few words, without a full stop. */
export function whyUnanswered(error: unknown, trust: AdminTrust | undefined): string {
  const { code = '', message } = error as NodeJS.ErrnoException; // of a connection, and whatever is thrown has a message
  if (code === 'ECONNREFUSED') return NOBODY_LISTENS;
  if (/CERT|SIGNATURE|ALTNAME/.test(code))
    return `its certificate is not trusted (${message}): --ca names its authority`;
  if (trust !== undefined && /^(?:EPROTO|ERR_SSL_)/.test(code)) return 'it does not speak HTTPS';
  if (trust === undefined && (code === 'ECONNRESET' || code.startsWith('HPE_')))
    return `it does not speak HTTP (${code}): if it has a certificate, say --ca`;
  return code === '' ? message : code;
}

async function textOf(response: IncomingMessage, bytesMax: number): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += (chunk as Uint8Array).length; // no encoding was set
    if (bytes > bytesMax) throw new Error('its answer is too large');
    chunks.push(chunk as Uint8Array);
  }
  return Buffer.concat(chunks).toString('utf8');
}

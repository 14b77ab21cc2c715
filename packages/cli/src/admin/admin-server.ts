// The port for operators and their tools: HTTP, or HTTPS where it has a certificate, and JSON, and the dashboard, beside the clients' port and never in its
// way. Whoever reaches it may look; and change the cluster, unless a token is wanted for that: so it listens on the
// loopback unless told otherwise. What a web page could make a browser send here is refused:
//
// - a POST needs `content-type: application/json`, which no form sends, and which scripts of other origins may send only
//   after a preflight that is not answered;
// - the Host has to be an address, `localhost` or the name that was given: a page whose name was pointed at this machine
//   would pass for our own (DNS rebinding), and could read answers, too. With a certificate, names that stand in it will do:
//   a browser shows nothing of a page whose name does not;
// - an Origin, if there is one, has to be this port's own;
// - our own page, too, changes something only with the token (admin-token.ts).

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, Server as TlsServer } from 'node:https';
import { isIP } from 'node:net';
import { type Endpoint, formatEndpoint, parseEndpoint } from '@waldb/io';
import type { Logger } from 'pino';
import { ACT_PATH, act } from '../dashboard/act.js';
import { tokenRefusal } from '../dashboard/admin-token.js';
import { Asset, isAsset } from '../dashboard/assets.js';
import type { Dashboard } from '../dashboard/dashboard.js';
import { EXIT, ExitError } from '../exit.js';
import {
  type AdminAnswer,
  type AdminContext,
  answerGet,
  answerPost,
  failure,
  methodsOf,
  notFound,
} from './admin-routes.js';
import type { AdminTls } from './admin-tls.js';
import { Backup } from './backup.js';

const BODY_BYTES_MAX = 16 * 1024;
const HEADER_BYTES_MAX = 8 * 1024;
const REQUEST_MS_MAX = 5_000;
const CONNECTIONS_MAX = 64;
const LIMITS = {
  maxHeaderSize: HEADER_BYTES_MAX,
  requestTimeout: REQUEST_MS_MAX,
  headersTimeout: REQUEST_MS_MAX,
  /** How often it is looked who takes longer. */
  connectionsCheckingInterval: 1_000,
};

export interface AdminServerOptions extends AdminContext {
  readonly listen: Endpoint;
  readonly logger: Logger;
  readonly dashboard: Dashboard;
  /** Whoever wants to change something has to know what is in it; undefined: whoever reaches the port may. */
  readonly tokenFile: string | undefined;
  readonly tls: AdminTls;
}

const REPORT_PATH = '/dashboard/report';
const EVENTS_PATH = '/dashboard/events';
/** Says whether a token is right. */
const TOKEN_PATH = '/dashboard/token';
const GET_PATHS = [REPORT_PATH, EVENTS_PATH];
const POST_PATHS = [ACT_PATH, TOKEN_PATH];

export class AdminServer {
  readonly #server: Server;
  readonly #endWatch: () => void;

  /** Errors: `ExitError` (refused), naming the address. */
  static async start(options: AdminServerOptions): Promise<AdminServer> {
    const { listen, logger, tls } = options;
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      respond(request, response, options).catch((error: unknown) => {
        logger.error({ error }, `An admin request failed: ${String(error)}.`);
        response.destroy();
      });
    };
    const { certificate } = tls;
    const server: Server =
      certificate === undefined
        ? createServer(LIMITS, onRequest)
        : createTlsServer({ ...LIMITS, handshakeTimeout: REQUEST_MS_MAX, ...certificate }, onRequest);
    server.maxConnections = CONNECTIONS_MAX;
    await new Promise<void>((resolve, reject) => {
      server.once('error', (cause) => {
        const message = `The admin port cannot listen at ${formatEndpoint(listen)}: ${cause.message}.`;
        reject(new ExitError(EXIT.refused, message, { cause }));
      });
      server.listen(listen.port, listen.host, resolve);
    });
    return new AdminServer(server, options);
  }

  private constructor(server: Server, { tls, logger }: AdminServerOptions) {
    this.#server = server;
    this.#endWatch = tls.watch((certificate) => {
      if (server instanceof TlsServer) server.setSecureContext(certificate);
    }, logger);
  }

  /** Where it listens, with the port that was chosen if 0 was asked for. */
  get endpoint(): Endpoint {
    const address = this.#server.address();
    if (typeof address !== 'object' || address === null) throw new Error('the admin port is closed');
    return { host: address.address, port: address.port };
  }

  async close(): Promise<void> {
    this.#endWatch();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

async function respond(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminServerOptions,
): Promise<void> {
  const answer = await answerTo(request, response, options);
  if (answer === STREAM) return await options.dashboard.stream(response);
  if (answer instanceof Asset) return answer.send(response, request);
  if (answer.body instanceof Backup) return await answer.body.send(response);
  const isText = typeof answer.body === 'string';
  const body = isText ? String(answer.body) : `${JSON.stringify(answer.body)}\n`;
  const isRead = request.complete;
  response.writeHead(answer.status, {
    'content-type': isText ? 'text/plain; version=0.0.4; charset=utf-8' : 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
    // What was not read of a request would be taken for the next one.
    ...(isRead ? {} : { connection: 'close' }),
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

/** The answer is a stream of events. */
const STREAM = Symbol('stream');

async function answerTo(
  request: IncomingMessage,
  response: ServerResponse,
  options: AdminServerOptions,
): Promise<AdminAnswer | Asset | typeof STREAM> {
  const path = (request.url ?? '/').replace(/\?.*$/s, '');
  const { method = '' } = request;
  const foreign = foreignReason(request, options);
  if (foreign !== undefined) return failure(403, 'FOREIGN_REQUEST', foreign);
  const methods = methodsAt(path);
  if (methods.length === 0) return notFound(path);
  if (!methods.includes(method)) {
    response.setHeader('allow', methods.join(', '));
    return failure(405, 'METHOD_NOT_ALLOWED', `${path} takes ${methods.join(' and ')}, not ${method}.`);
  }
  if (method === 'POST') return await answerChange(path, request, options);
  if (isAsset(path)) return Asset.of(path) ?? NOT_BUILT;
  const { dashboard } = options;
  if (path === REPORT_PATH) return { status: 200, body: dashboard.report(sinceIn(request)) };
  if (path !== EVENTS_PATH) return await answerGet(path, options);
  return dashboard.isFull ? failure(503, 'STREAMS_FULL', TOO_MANY_PAGES) : STREAM;
}

function methodsAt(path: string): readonly string[] {
  if (path === EVENTS_PATH) return ['GET'];
  if (isAsset(path) || GET_PATHS.includes(path)) return ['GET', 'HEAD'];
  return POST_PATHS.includes(path) ? ['POST'] : methodsOf(path);
}

/** What changes something, or gives everything away. */
async function answerChange(
  path: string,
  request: IncomingMessage,
  options: AdminServerOptions,
): Promise<AdminAnswer> {
  if (!/^application\/json\s*(;|$)/i.test(request.headers['content-type'] ?? ''))
    return failure(415, 'CONTENT_TYPE', 'A POST has to be of content-type application/json.');
  const refused = tokenRefusal(request.headers, options.tokenFile);
  if (refused !== undefined) {
    options.logger.warn({ event: 'changeRefused', code: refused.code, path }, refused.message);
    return failure(refused.status, refused.code, refused.message);
  }
  const fields = await readFields(request);
  if ('status' in fields) return fields;
  if (path === TOKEN_PATH) return { status: 200, body: { ok: true } };
  if (path === ACT_PATH) return await act(fields.value, options, request.headers.authorization);
  return await answerPost(path, fields.value, options);
}

function sinceIn({ url = '' }: IncomingMessage): number {
  const since = Number(/[?&]since=(\d{1,15})(?:&|$)/.exec(url)?.[1] ?? 0);
  return Number.isSafeInteger(since) ? since : 0;
}

const NOT_BUILT = failure(404, 'NOT_BUILT', 'The page was not built here: npm run build.');
const TOO_MANY_PAGES = 'As many pages as may listen at once do already: close one of them.';

/** Why a request may be a web page's and not an operator's; undefined if it is none. */
function foreignReason(
  { headers }: IncomingMessage,
  { listen, tls }: AdminServerOptions,
): string | undefined {
  const { host = '', origin } = headers;
  const name = (parseEndpoint(host) ?? parseEndpoint(`${host}:80`))?.host.toLowerCase() ?? '';
  const isOwn = isIP(name) !== 0 || name === 'localhost' || name === listen.host.toLowerCase();
  if (!isOwn && !tls.names(name))
    return `Requests for ${JSON.stringify(host)} are not answered here: use an address.`;
  const scheme = tls.certificate === undefined ? 'http' : 'https';
  if (origin !== undefined && origin !== `${scheme}://${host}`)
    return `Pages of ${origin.slice(0, 200)} may not use this port.`;
  return undefined;
}

async function readFields(
  request: IncomingMessage,
): Promise<AdminAnswer | { readonly value: Readonly<Record<string, unknown>> }> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request) {
    bytes += (chunk as Uint8Array).length; // no encoding was set
    if (bytes > BODY_BYTES_MAX)
      return failure(413, 'TOO_LARGE', `A request is at most ${BODY_BYTES_MAX} bytes.`);
    chunks.push(chunk as Uint8Array);
  }
  try {
    const value: unknown = JSON.parse(Buffer.concat(chunks).toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return { value: value as Record<string, unknown> }; // any object has string keys
  } catch {
    // Answered below.
  }
  return failure(400, 'BODY_INVALID', 'The body has to be one JSON object.');
}

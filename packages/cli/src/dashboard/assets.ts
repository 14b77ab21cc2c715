// The page itself: a few files, built beforehand (packages/cli/page), the same for everybody. Must never serve anything
// but these files, and never lets the page load anything from elsewhere.

import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';

/** Beside the compiled program; run from its sources, where the build has put it. */
const DIRECTORY = new URL('../../dist/page/', import.meta.url);

const FILES: Readonly<Record<string, { readonly name: string; readonly type: string }>> = {
  '/': { name: 'index.html', type: 'text/html; charset=utf-8' },
  '/dashboard.js': { name: 'dashboard.js', type: 'text/javascript; charset=utf-8' },
  '/dashboard.css': { name: 'dashboard.css', type: 'text/css; charset=utf-8' },
  '/favicon.svg': { name: 'favicon.svg', type: 'image/svg+xml' },
  '/licenses.txt': { name: 'licenses.txt', type: 'text/plain; charset=utf-8' },
};

/** Nothing from elsewhere, nothing inline, nowhere to be framed, nowhere to send forms. */
const HEADERS = {
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-cache',
} as const;

export function isAsset(path: string): boolean {
  return Object.hasOwn(FILES, path);
}

export class Asset {
  readonly #type: string;
  readonly #bytes: Uint8Array;
  readonly #tag: string;

  /** Undefined where the page was never built. */
  static of(path: string): Asset | undefined {
    const file = FILES[path];
    const known = CACHE.get(path);
    if (known !== undefined || file === undefined) return known;
    try {
      const asset = new Asset(file.type, readFileSync(new URL(file.name, DIRECTORY)));
      CACHE.set(path, asset);
      return asset;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined; // whatever readFileSync throws is one
      throw error;
    }
  }

  private constructor(type: string, bytes: Uint8Array) {
    this.#type = type;
    this.#bytes = bytes;
    this.#tag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
  }

  send(response: ServerResponse, request: IncomingMessage): void {
    const isKnown = request.headers['if-none-match'] === this.#tag;
    response.writeHead(isKnown ? 304 : 200, {
      ...HEADERS,
      etag: this.#tag,
      ...(!isKnown && { 'content-type': this.#type, 'content-length': this.#bytes.length }),
    });
    response.end(isKnown || request.method === 'HEAD' ? undefined : this.#bytes);
  }
}

/** Read once: they do not change while a program runs. */
const CACHE = new Map<string, Asset>();

// How commands reach the admin ports of a cluster: `--server` and `--ca`, which every command takes that asks a running
// cluster, and `--admin-token-file`, which those take that change it.

import { Option } from 'commander';
import type { AdminTrust } from '../admin/ask-admin.js';
import { readNamedFile } from '../clients/named-file.js';
import { readToken } from '../dashboard/admin-token.js';
import { parseAddress } from '../option-values.js';

/** As commander has the flags. */
export interface AdminFlags {
  readonly server: readonly string[];
  readonly ca?: string;
  readonly adminTokenFile?: string;
}

export interface AdminAccess {
  /** `host:port` of each that was named. */
  readonly servers: readonly string[];
  /** What to send along with what is changed. */
  readonly token: string | undefined;
  /** Undefined: plain HTTP. */
  readonly trust: AdminTrust | undefined;
}

/** Where `waldb cluster` has the first server's admin port, and the documentation every first one's. */
const DEFAULT_SERVERS: readonly string[] = ['127.0.0.1:7301'];
const SECURE = 'https://';

export function serverOption(): Option {
  return new Option(
    '--server <address>',
    'admin address of any member, with https:// before it where that has a certificate; more than one may be named',
  )
    .argParser(collect)
    .default(DEFAULT_SERVERS, DEFAULT_SERVERS.join());
}

export function caOption(): Option {
  return new Option(
    '--ca <file>',
    "speak HTTPS, and trust this authority of the admin ports' certificates (or WALDB_ADMIN_CA)",
  );
}

/** Where the servers were started with one. */
export function tokenOption(): Option {
  return new Option(
    '--admin-token-file <file>',
    'the token of the servers, where they want one for changes (or WALDB_ADMIN_TOKEN_FILE)',
  );
}

/** All servers of a cluster are asked alike. Errors: `ExitError` where a file cannot be used. */
export function adminAccess({ server, ca, adminTokenFile }: AdminFlags): AdminAccess {
  const authority = ca ?? nonEmpty(process.env.WALDB_ADMIN_CA);
  const tokenFile = adminTokenFile ?? nonEmpty(process.env.WALDB_ADMIN_TOKEN_FILE);
  const isSecure = authority !== undefined || server.some((address) => address.startsWith(SECURE));
  return {
    servers: server.map(withoutScheme),
    token: tokenFile === undefined ? undefined : readToken(tokenFile),
    trust: isSecure ? { ca: authority && readNamedFile('--ca', authority, 'latin1') } : undefined,
  };
}

/** What is named first takes the place of the default. */
function collect(text: string, before: readonly string[]): readonly string[] {
  parseAddress(withoutScheme(text));
  return before === DEFAULT_SERVERS ? [text] : [...before, text];
}

function withoutScheme(address: string): string {
  return address.startsWith(SECURE) ? address.slice(SECURE.length).replace(/\/$/, '') : address;
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

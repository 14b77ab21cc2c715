// `--server`, which every command that asks a running cluster takes, and `--admin-token-file`, which those take that change it.

import { Option } from 'commander';
import { readToken } from '../dashboard/admin-token.js';
import { parseAddress } from '../option-values.js';

/** Where `waldb cluster` has the first server's admin port, and the documentation every first one's. */
const DEFAULT_SERVERS: readonly string[] = ['127.0.0.1:7301'];

export function serverOption(): Option {
  return new Option('--server <address>', 'admin address of any member; more than one may be named')
    .argParser(collect)
    .default(DEFAULT_SERVERS, DEFAULT_SERVERS.join());
}

/** Where the servers were started with one. */
export function tokenOption(): Option {
  return new Option(
    '--admin-token-file <file>',
    'the token of the servers, where they want one for changes (or WALDB_ADMIN_TOKEN_FILE)',
  );
}

/** What to send along. Errors: `ExitError` where the file cannot be used. */
export function givenToken({ adminTokenFile }: { readonly adminTokenFile?: string }): string | undefined {
  const path = adminTokenFile ?? process.env.WALDB_ADMIN_TOKEN_FILE;
  return path === undefined || path === '' ? undefined : readToken(path);
}

/** What is named first takes the place of the default. */
function collect(text: string, before: readonly string[]): readonly string[] {
  parseAddress(text);
  return before === DEFAULT_SERVERS ? [text] : [...before, text];
}

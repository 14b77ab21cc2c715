// How a tool reaches the clients' port of a store: by TCP or TLS, as itself or as a user. A password is never an argument,
// where every process of the machine could read it: it is in a file, or in WALDB_PASSWORD.

import { connect as connectByTcp, isIP, type Socket } from 'node:net';
import { connect as connectByTls } from 'node:tls';
import type { Endpoint } from '@waldb/io';
import { type Command, Option } from 'commander';
import { EXIT, ExitError } from '../exit.js';
import { readNamedFile } from './named-file.js';

/** As commander has the flags. */
export interface StoreAccessFlags {
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly user?: string;
  readonly passwordFile?: string;
}

export interface StoreAccess {
  /** PEM texts; undefined: no TLS. */
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string } | undefined;
  readonly login: { readonly user: string; readonly password: string } | undefined;
}

/** By TCP, as nobody. */
export const OPEN_ACCESS: StoreAccess = { tls: undefined, login: undefined };

export const PASSWORD_VARIABLE = 'WALDB_PASSWORD';

export function addStoreAccessOptions(command: Command): Command {
  return command
    .addOption(new Option('--tls', 'speak TLS, and trust the authorities that Node trusts'))
    .addOption(new Option('--tls-ca <file>', 'speak TLS, and trust this authority'))
    .addOption(new Option('--tls-cert <file>', 'the certificate to show, where the store wants one'))
    .addOption(new Option('--tls-key <file>', 'its key'))
    .addOption(new Option('--user <name>', 'who to be (default: default, where there is a password)'))
    .addOption(
      new Option('--password-file <file>', `with the password in its first line; or ${PASSWORD_VARIABLE}`),
    );
}

/** Errors: `ExitError` (refused), naming the flag. */
export function readStoreAccess(
  flags: StoreAccessFlags,
  environment: Readonly<Record<string, string | undefined>>,
): StoreAccess {
  return { tls: readTls(flags), login: readLogin(flags, environment) };
}

/** Not connected yet; `connected` is the event to wait for. */
export function dialStore(
  { host, port }: Endpoint,
  { tls }: StoreAccess,
): { readonly socket: Socket; readonly connected: 'connect' | 'secureConnect' } {
  if (tls === undefined) return { socket: connectByTcp({ host, port, noDelay: true }), connected: 'connect' };
  // An address cannot stand in the handshake; it is compared with the certificate all the same.
  const name = isIP(host) === 0 ? { servername: host } : {};
  const socket = connectByTls({ host, port, ...name, ...tls });
  socket.setNoDelay();
  return { socket, connected: 'secureConnect' };
}

function readTls({ tls, tlsCa, tlsCert, tlsKey }: StoreAccessFlags): StoreAccess['tls'] {
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw new ExitError(EXIT.refused, '--tls-cert and --tls-key go together.', { code: 'USAGE' });
  if (tls !== true && tlsCa === undefined && tlsCert === undefined) return undefined;
  return {
    ...(tlsCa !== undefined && { ca: readNamedFile('--tls-ca', tlsCa, 'latin1') }),
    ...(tlsCert !== undefined && { cert: readNamedFile('--tls-cert', tlsCert, 'latin1') }),
    ...(tlsKey !== undefined && { key: readNamedFile('--tls-key', tlsKey, 'latin1') }),
  };
}

function readLogin(
  { user, passwordFile }: StoreAccessFlags,
  environment: Readonly<Record<string, string | undefined>>,
): StoreAccess['login'] {
  const password =
    passwordFile === undefined
      ? environment[PASSWORD_VARIABLE]
      : readNamedFile('--password-file', passwordFile, 'utf8').replace(/\r?\n[\s\S]*$/, '');
  if (password !== undefined && password !== '') return { user: user ?? 'default', password };
  if (user === undefined) return undefined;
  throw new ExitError(
    EXIT.refused,
    `User ${user} needs a password: --password-file <file>, or ${PASSWORD_VARIABLE}.`,
    { code: 'USAGE' },
  );
}

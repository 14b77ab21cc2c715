// `waldb serve`: its options, and nothing of what it does.

import { type Endpoint, formatEndpoint } from '@waldb/io';
import type { Members } from '@waldb/runtime';
import { type Command, Option } from 'commander';
import { PEER_PORT_OFFSET } from './cluster-layout.js';
import type { CommandContext } from './commands.js';
import { effectiveSettings, type TypedFlags, valuesOf } from './config/effective.js';
import { addSettingOptions } from './config/setting-options.js';
import { EXIT, ExitError } from './exit.js';
import type { LogLevel } from './log-levels.js';
import { createLogger } from './logging.js';
import type { NodeOptions } from './node.js';
import { PORT_MAX } from './option-values.js';
import { serve } from './serve.js';

interface ServeSettings {
  readonly id: number;
  readonly directory?: string;
  readonly host: string;
  readonly port: number;
  readonly peers?: Members;
  readonly peerListen?: Endpoint;
  readonly clientAddress?: Endpoint;
  readonly join?: Endpoint;
  readonly admin?: Endpoint;
  readonly adminTokenFile?: string;
  readonly adminTlsCert?: string;
  readonly adminTlsKey?: string;
  readonly adminTlsCa?: string;
  readonly clusterName: string;
  readonly usersFile?: string;
  readonly maxClients: number;
  readonly clientIdleTimeout: number;
  readonly clientTlsCert?: string;
  readonly clientTlsKey?: string;
  readonly clientTlsCa?: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly snapshotEntries: number;
  readonly protocolTrace?: string;
  readonly logLevel: LogLevel;
}

export function addServe(command: Command, { run }: CommandContext): void {
  addSettingOptions(command, 'serve')
    .addOption(new Option('--json', 'what happens on stdout as one JSON object on each line'))
    .addHelpText('after', SERVE_HELP)
    .action(({ json, ...flags }: TypedFlags & { readonly json?: boolean }) =>
      run(() => serve(serveOptions(flags), { isJson: json === true })),
    );
}

/** Errors: `ExitError` for settings that do not go together. */
function serveOptions(flags: TypedFlags): NodeOptions {
  // The table's parsers give values of these types, and its defaults all that have to be there.
  const settings = valuesOf(effectiveSettings('serve', flags, process.env)) as unknown as ServeSettings;
  const { id, directory, host, port, peers, join, clusterName, snapshotEntries, logLevel } = settings;
  if (directory === undefined)
    throw new ExitError(
      EXIT.refused,
      'A server needs a directory: --directory <path>, WALDB_DIRECTORY, or `directory` in a configuration file.',
      { code: 'SETTING_INVALID' },
    );
  if (peers !== undefined && join !== undefined)
    throw new ExitError(
      EXIT.refused,
      'A server founds a cluster with its peers or joins one: say peers or join, not both.',
      { code: 'SETTING_INVALID' },
    );
  const clientListen = { host, port };
  const clientAddress = settings.clientAddress ?? clientListen;
  return {
    id,
    directory,
    members: peers,
    clusterName,
    ownPeer: settings.peerListen ?? { host, port: Math.min(port + PEER_PORT_OFFSET, PORT_MAX) },
    peerListen: settings.peerListen,
    clientListen,
    clientAddress,
    join,
    admin: settings.admin,
    adminTokenFile: settings.adminTokenFile,
    adminTls: { cert: settings.adminTlsCert, key: settings.adminTlsKey, ca: settings.adminTlsCa },
    clientAccess: {
      usersFile: settings.usersFile,
      tlsCert: settings.clientTlsCert,
      tlsKey: settings.clientTlsKey,
      tlsCa: settings.clientTlsCa,
    },
    clientLimits: { maxClients: settings.maxClients, idleSeconds: settings.clientIdleTimeout },
    tls: { ca: settings.tlsCa, cert: settings.tlsCert, key: settings.tlsKey },
    snapshotEntries,
    protocolTrace: settings.protocolTrace,
    logger: createLogger(logLevel, { server: id, clients: formatEndpoint(clientAddress) }),
  };
}

const SERVE_HELP = `
Lines of --json: {"event":"started",...} once clients can connect, {"event":"serving","term":n} each time that this server leads and serves.

Examples:
  waldb serve --directory ./data/1                 a server alone, clients at 7101
  waldb serve --directory ./data/1 --admin 127.0.0.1:7301
  waldb serve --id 2 --directory ./data/2 --port 7102 --join 127.0.0.1:7301   and then: waldb members add 2
  waldb serve --id 1 --directory ./data/1 --port 7101 \\
    --peers 1=10.0.0.1:7201/10.0.0.1:7101,2=10.0.0.2:7201/10.0.0.2:7101,3=10.0.0.3:7201/10.0.0.3:7101 \\
    --host 10.0.0.1`;

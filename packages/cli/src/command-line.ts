// The commands and options of `waldb`, and nothing of what they do.

import { type Endpoint, formatEndpoint } from '@waldb/io';
import type { Members } from '@waldb/runtime';
import { Command, CommanderError } from 'commander';
import { addBench } from './bench/bench-command.js';
import { addCerts } from './certs/certs-commands.js';
import { type ClusterOptions, runCluster } from './cluster.js';
import { ADMIN_PORT_OFFSET, PEER_PORT_OFFSET } from './cluster-layout.js';
import { addCompletion } from './completion/completion-command.js';
import { addConfig } from './config/config-commands.js';
import { effectiveSettings, type TypedFlags, valuesOf } from './config/effective.js';
import { addSettingOptions } from './config/setting-options.js';
import { EXIT, type ExitCode, ExitError, reported } from './exit.js';
import { createLogger, type LogLevel } from './logging.js';
import { addMembers } from './members/members-commands.js';
import type { NodeOptions } from './node.js';
import { PORT_MAX } from './option-values.js';
import { addRecover } from './recover-command.js';
import { serve } from './serve.js';
import { addSnapshot } from './snapshot/snapshot-commands.js';
import { addStatus } from './status/status-command.js';
import { readVersion } from './version.js';
import { addWal } from './wal/wal-commands.js';

/** Runs the command line `args` (without node and the file); resolves with the exit code. */
export async function runCommandLine(args: readonly string[], entryFile: string): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const program = makeProgram(entryFile, (code) => {
    exitCode = code;
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? EXIT.ok : EXIT.refused;
  }
}

/** The program, ready to be told what was typed. */
export function makeProgram(entryFile: string, onExitCode: (code: ExitCode) => void): Command {
  const program = new Command('waldb')
    .description('A replicated, durable key-value store that Redis clients can talk to.')
    .version(readVersion())
    .addHelpText('after', PROGRAM_HELP)
    .showHelpAfterError(false)
    .showSuggestionAfterError(true)
    .configureOutput({
      // One line, like every other failure.
      outputError: (text, write) =>
        write(
          `waldb: ${text
            .replace(/^error: /, '')
            .trim()
            .replace(/\s*\n\s*/g, ' ')}\n`,
        ),
    })
    .exitOverride();
  addCluster(program, entryFile, onExitCode);
  addServe(program, onExitCode);
  addStatus(program, onExitCode);
  addMembers(program, onExitCode);
  addSnapshot(program, onExitCode);
  addRecover(program, onExitCode);
  addWal(program, onExitCode);
  addCerts(program, onExitCode);
  addConfig(program, onExitCode);
  addBench(program, onExitCode);
  addCompletion(program, onExitCode);
  return program;
}

function addCluster(program: Command, entryFile: string, onExitCode: (code: ExitCode) => void): void {
  addSettingOptions(
    program
      .command('cluster')
      .description('Run a whole cluster on this machine, each server a process of its own.'),
    'cluster',
  )
    .addHelpText('after', CLUSTER_HELP)
    .action(async (flags: TypedFlags) =>
      onExitCode(await reported(() => runCluster(clusterOptions(flags, entryFile)))),
    );
}

function clusterOptions(flags: TypedFlags, entryFile: string): ClusterOptions {
  // The table's parsers give values of these types, and its defaults all that have to be there.
  const settings = valuesOf(effectiveSettings('cluster', flags, process.env)) as unknown as ClusterSettings;
  const { port } = settings;
  const peerPort = settings.peerPort ?? port + PEER_PORT_OFFSET;
  const adminPort = settings.adminPort ?? port + ADMIN_PORT_OFFSET;
  return { ...settings, peerPort, adminPort, entryFile };
}

type ClusterSettings = Omit<ClusterOptions, 'entryFile' | 'peerPort' | 'adminPort'> & {
  readonly peerPort?: number;
  readonly adminPort?: number;
};

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
  readonly clusterName: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly snapshotEntries: number;
  readonly protocolTrace?: string;
  readonly logLevel: LogLevel;
}

function addServe(program: Command, onExitCode: (code: ExitCode) => void): void {
  addSettingOptions(
    program.command('serve').description('Run one server, alone or as a member of a cluster.'),
    'serve',
  )
    .addHelpText('after', SERVE_HELP)
    .action(async (flags: TypedFlags) => onExitCode(await reported(() => serve(serveOptions(flags)))));
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
    );
  if (peers !== undefined && join !== undefined)
    throw new ExitError(
      EXIT.refused,
      'A server founds a cluster with its peers or joins one: say peers or join, not both.',
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
    tls: { ca: settings.tlsCa, cert: settings.tlsCert, key: settings.tlsKey },
    snapshotEntries,
    protocolTrace: settings.protocolTrace,
    logger: createLogger(logLevel, { server: id, clients: formatEndpoint(clientAddress) }),
  };
}

const PROGRAM_HELP = `
To begin with:
  waldb cluster                                    three servers on this machine
  redis-cli -c -p 7101 set greeting hello          any Redis client
  waldb status --watch                             who leads, and how far everybody is
  waldb snapshot save first.backup

Each command has --help with examples. Exit codes: 0 done, 1 not done this time, 2 refused, 3 data cannot be used.`;

const CLUSTER_HELP = `
Prints "ready leader=<id> pids=<id:pid,...>" on stdout once a leader serves, and again
after each change of leader or return of a server. A server that ends is started again.

Examples:
  waldb cluster                                    3 servers, clients at 7101 to 7103
  waldb cluster --directory /var/lib/waldb --port 9001
  redis-cli -c -p 7101 set greeting hello          any server will do: -c follows to the leader`;

const SERVE_HELP = `
Examples:
  waldb serve --directory ./data/1                 a server alone, clients at 7101
  waldb serve --directory ./data/1 --admin 127.0.0.1:7301
  waldb serve --id 2 --directory ./data/2 --port 7102 --join 127.0.0.1:7301   and then: waldb members add 2
  waldb serve --id 1 --directory ./data/1 --port 7101 \\
    --peers 1=10.0.0.1:7201/10.0.0.1:7101,2=10.0.0.2:7201/10.0.0.2:7101,3=10.0.0.3:7201/10.0.0.3:7101 \\
    --host 10.0.0.1`;

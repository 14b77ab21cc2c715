// The commands and options of `waldb`, and nothing of what they do.

import { formatEndpoint } from '@waldb/io';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { addCerts } from './certs/certs-commands.js';
import { type ClusterOptions, runCluster } from './cluster.js';
import { ADMIN_PORT_OFFSET, DEFAULT_PORT, PEER_PORT_OFFSET } from './cluster-layout.js';
import { EXIT, type ExitCode } from './exit.js';
import { createLogger, LOG_LEVELS, type LogLevel } from './logging.js';
import { addMembers } from './members/members-commands.js';
import {
  PORT_MAX,
  parseAddress,
  parseHost,
  parseId,
  parseNodes,
  parsePeers,
  parsePort,
} from './option-values.js';
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

function makeProgram(entryFile: string, onExitCode: (code: ExitCode) => void): Command {
  const program = new Command('waldb')
    .description('A replicated, durable key-value store that Redis clients can talk to.')
    .version(readVersion())
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
  return program;
}

function addCluster(program: Command, entryFile: string, onExitCode: (code: ExitCode) => void): void {
  program
    .command('cluster')
    .description('Run a whole cluster on this machine, each server a process of its own.')
    .addOption(withParser('--nodes <count>', 'how many servers', parseNodes).default(3))
    .addOption(
      withParser('--directory <path>', 'where data is kept; made if it is not there', parsePath).default(
        './data',
      ),
    )
    .addOption(
      withParser('--host <host>', 'address of this machine to listen on', parseHost).default('127.0.0.1'),
    )
    .addOption(
      withParser(
        '--port <port>',
        'port for clients of the first server; the others follow',
        parsePort,
      ).default(DEFAULT_PORT),
    )
    .addOption(
      withParser(
        '--peer-port <port>',
        `port for peers of the first server; the others follow (default: --port plus ${PEER_PORT_OFFSET})`,
        parsePort,
      ),
    )
    .addOption(
      withParser(
        '--admin-port <port>',
        `port for operators of the first server, on 127.0.0.1; the others follow (default: --port plus ${ADMIN_PORT_OFFSET})`,
        parsePort,
      ),
    )
    .addOption(clusterNameOption())
    .addOption(
      withParser(
        '--tls-directory <path>',
        'the servers speak TLS, with certificates from here; see waldb certs',
        parsePath,
      ),
    )
    .addOption(snapshotOption())
    .addOption(logLevelOption('error'))
    .addHelpText('after', CLUSTER_HELP)
    .action(async (flags: ClusterFlags) => {
      const peerPort = flags.peerPort ?? flags.port + PEER_PORT_OFFSET;
      const adminPort = flags.adminPort ?? flags.port + ADMIN_PORT_OFFSET;
      onExitCode(await runCluster({ ...flags, peerPort, adminPort, entryFile }));
    });
}

type ClusterFlags = Omit<ClusterOptions, 'entryFile' | 'peerPort' | 'adminPort'> & {
  readonly peerPort?: number;
  readonly adminPort?: number;
};

interface ServeFlags {
  readonly id: number;
  readonly directory: string;
  readonly host: string;
  readonly port: number;
  readonly peers?: ReturnType<typeof parsePeers>;
  readonly peerListen?: ReturnType<typeof parseAddress>;
  readonly clientAddress?: ReturnType<typeof parseAddress>;
  readonly join?: ReturnType<typeof parseAddress>;
  readonly admin?: ReturnType<typeof parseAddress>;
  readonly clusterName: string;
  readonly tlsCa?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly snapshotEntries: number;
  readonly logLevel: LogLevel;
}

function addServe(program: Command, onExitCode: (code: ExitCode) => void): void {
  program
    .command('serve')
    .description('Run one server, alone or as a member of a cluster.')
    .addOption(withParser('--id <id>', "this server's number, unique in the cluster", parseId).default(1))
    .addOption(
      withParser(
        '--directory <path>',
        'where data is kept; made if it is not there',
        parsePath,
      ).makeOptionMandatory(),
    )
    .addOption(
      withParser('--host <host>', 'address to listen on for clients', parseHost).default('127.0.0.1'),
    )
    .addOption(withParser('--port <port>', 'port for clients', parsePort).default(DEFAULT_PORT))
    .addOption(
      withParser(
        '--peers <list>',
        'all servers, this one too: id=host:port[/clientHost:clientPort],... (default: this server alone)',
        parsePeers,
      ),
    )
    .addOption(
      withParser(
        '--peer-listen <address>',
        'host:port to listen on for peers, if not where they dial',
        parseAddress,
      ),
    )
    .addOption(
      withParser(
        '--client-address <address>',
        'host:port that clients are sent to (default: --host and --port)',
        parseAddress,
      ),
    )
    .addOption(
      withParser(
        '--join <address>',
        'admin host:port of any member: with an empty directory, join its cluster; then: waldb members add',
        parseAddress,
      ).conflicts('peers'),
    )
    .addOption(
      withParser(
        '--admin <address>',
        'host:port to listen on for operators: health, status, members; asks for no password (default: none)',
        parseAddress,
      ),
    )
    .addOption(clusterNameOption())
    .addOption(
      withParser('--tls-ca <file>', 'authority of all servers: peers are spoken to by TLS', parsePath),
    )
    .addOption(withParser('--tls-cert <file>', "this server's certificate; see waldb certs", parsePath))
    .addOption(
      withParser('--tls-key <file>', 'its key; all three are read again when they change', parsePath),
    )
    .addOption(snapshotOption())
    .addOption(logLevelOption('warn'))
    .addHelpText('after', SERVE_HELP)
    .action(async (flags: ServeFlags) => onExitCode(await runServe(flags)));
}

async function runServe(flags: ServeFlags): Promise<ExitCode> {
  const { id, directory, host, port, clusterName, snapshotEntries, logLevel } = flags;
  const clientListen = { host, port };
  const clientAddress = flags.clientAddress ?? clientListen;
  const ownPeer = flags.peerListen ?? { host, port: Math.min(port + PEER_PORT_OFFSET, PORT_MAX) };
  return await serve({
    id,
    directory,
    members: flags.peers,
    clusterName,
    ownPeer,
    peerListen: flags.peerListen,
    clientListen,
    clientAddress,
    join: flags.join,
    admin: flags.admin,
    tls: { ca: flags.tlsCa, cert: flags.tlsCert, key: flags.tlsKey },
    snapshotEntries,
    logger: createLogger(logLevel, { server: id, clients: formatEndpoint(clientAddress) }),
  });
}

function withParser<Value>(flags: string, description: string, parse: (text: string) => Value): Option {
  return new Option(flags, description).argParser(parse);
}

function parsePath(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('A path is wanted.');
  return text;
}

function parseSnapshotEntries(text: string): number {
  const entries = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (entries === undefined) throw new InvalidArgumentError('A whole number is wanted; 0 for never.');
  return entries;
}

function clusterNameOption(): Option {
  return new Option('--cluster-name <name>', 'keeps clusters with the same addresses apart').default('waldb');
}

function snapshotOption(): Option {
  const description = 'save the state after this many log entries, and give up the log before it; 0: never';
  return withParser('--snapshot-entries <count>', description, parseSnapshotEntries).default(100_000);
}

function logLevelOption(level: LogLevel): Option {
  return new Option('--log-level <level>', 'what is logged to stderr').choices(LOG_LEVELS).default(level);
}

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

// One server of the store in this process: the replicated state machine, and the port that Redis clients talk to.

import { type Endpoint, formatEndpoint, NodeClock } from '@waldb/io';
import {
  type EntryReplies,
  entryReplies,
  KvStateMachine,
  RespServer,
  raftReplica,
  TIME_RESOLUTION_MS,
} from '@waldb/kv';
import {
  type CloseOptions,
  formatServerAddress,
  type Members,
  type ProtocolTraceSink,
  parseServerAddress,
  RaftServer,
  RuntimeError,
  type TlsCredentials,
} from '@waldb/runtime';
import type { Logger } from 'pino';
import { AdminServer } from './admin/admin-server.js';
import { AdminTls, type AdminTlsFiles } from './admin/admin-tls.js';
import type { AdminTrust } from './admin/ask-admin.js';
import { metricsPage } from './admin/metrics-page.js';
import { checkPorts } from './check-ports.js';
import {
  type ClientAccess,
  isOpenToAnybody,
  readClientAccess,
  watchClientTls,
} from './clients/client-access.js';
import { type ClientLimits, serverLimitsOf } from './clients/client-limits.js';
import { isOpenToOthers, readToken } from './dashboard/admin-token.js';
import { Dashboard } from './dashboard/dashboard.js';
import { askOverHttp } from './dashboard/peers-watch.js';
import { EXIT, ExitError, toExitError } from './exit.js';
import { findCluster, type JoinedCluster } from './members/find-cluster.js';
import { openProtocolTrace } from './protocol-trace-file.js';
import {
  readTlsFiles,
  type TlsFiles,
  type TlsFlags,
  tlsFilesOf,
  watchTlsFiles,
  withTlsFile,
} from './tls-files.js';
import { readVersion } from './version.js';

export interface NodeOptions {
  readonly id: number;
  readonly directory: string;
  /** All servers; undefined: as the directory has them, or this server alone where the directory is empty. */
  readonly members: Members | undefined;
  /** Keeps two clusters with the same addresses apart. */
  readonly clusterName: string;
  /** Where to listen for peers, if that is not where they dial. */
  readonly peerListen: Endpoint | undefined;
  /** Where peers dial a server that is founded alone. */
  readonly ownPeer: Endpoint;
  /** The admin port of a member: an empty directory joins that one's cluster. */
  readonly join: Endpoint | undefined;
  /** Where to listen for operators; undefined: nowhere. */
  readonly admin: Endpoint | undefined;
  /** What is in it lets operators change the cluster; undefined: whoever reaches their port may. */
  readonly adminTokenFile: string | undefined;
  /** With these, operators are spoken to by TLS, and so are the admin ports of the others. */
  readonly adminTls: AdminTlsFiles;
  readonly clientListen: Endpoint;
  /** Where clients are sent. */
  readonly clientAddress: Endpoint;
  readonly clientAccess: ClientAccess;
  readonly clientLimits: ClientLimits;
  /** With these, peers are spoken to by TLS. */
  readonly tls: TlsFlags;
  readonly snapshotEntries: number;
  /** Where the protocol trace goes; undefined: nowhere. */
  readonly protocolTrace: string | undefined;
  readonly logger: Logger;
}

export interface NodeEvents {
  /** This server leads in `term` and serves: everything committed before is applied. */
  onServing(term: number): void;
  /** The server cannot go on. Called once. */
  onFailure(error: ExitError): void;
}

interface NodeParts {
  readonly raft: RaftServer<EntryReplies>;
  readonly resp: RespServer;
  readonly admin: AdminSide | undefined;
}

/** The port for operators, and what it shows. */
interface AdminSide {
  readonly server: AdminServer;
  readonly dashboard: Dashboard;
}

export class Node {
  /** Resolves once clients can connect; there may be no leader yet. Errors: `ExitError`; nothing is left open. */
  static async start(options: NodeOptions, events: NodeEvents): Promise<Node> {
    const { clientListen, clientAccess, logger } = options;
    const tlsFiles = tlsFilesOf(options.tls);
    const access = readClientAccess(clientAccess);
    const limits = serverLimitsOf(options.clientLimits, logger);
    warnOfOpenPort(options);
    checkToken(options);
    const adminTls = new AdminTls(options.adminTls);
    await checkPorts([...peerEndpoints(options), clientListen, ...(options.admin ? [options.admin] : [])]);
    const stateMachine = new KvStateMachine();
    const raft = await startRaft({ ...options, trust: () => adminTls.trust }, tlsFiles, stateMachine);
    try {
      const resp = await RespServer.start({
        listen: clientListen,
        replica: raftReplica(raft),
        stateMachine,
        ...access,
        limits,
        version: readVersion(),
      });
      const admin = await startAdmin(options, { raft, resp }, adminTls).catch(async (error: unknown) => {
        await resp.close();
        throw error;
      });
      logger.info({ clients: formatEndpoint(resp.endpoint), directory: options.directory }, 'started');
      const node = new Node({ raft, resp, admin }, events);
      node.#watches.push(watchClientTls(clientAccess, resp, logger));
      if (tlsFiles !== undefined)
        node.#watches.push(watchTlsFiles(tlsFiles, (tls) => raft.replaceCertificates(tls), logger));
      return node;
    } catch (error) {
      await raft.close();
      throw toExitError(error);
    }
  }

  readonly #raft: RaftServer<EntryReplies>;
  readonly #resp: RespServer;
  readonly #admin: AdminSide | undefined;
  readonly #events: NodeEvents;
  /** Each ends one watch of files. */
  readonly #watches: (() => void)[] = [];
  #isClosing = false;

  private constructor({ raft, resp, admin }: NodeParts, events: NodeEvents) {
    this.#raft = raft;
    this.#resp = resp;
    this.#admin = admin;
    this.#events = events;
    raft.on('leaderChange', () => this.#announceServing());
    raft.on('error', (error) => this.#failed(error));
    // It may lead already: a single server does as soon as it starts.
    this.#announceServing();
  }

  /** Answers no more, hands leadership over, keeps everything acknowledged, and closes the log. Idempotent. */
  async close(options: CloseOptions = {}): Promise<void> {
    this.#isClosing = true;
    for (const end of this.#watches) end();
    this.#admin?.dashboard.close();
    await this.#admin?.server.close();
    await this.#resp.close();
    await this.#raft.close(options);
  }

  /** A leader serves once it can confirm a read: then it has committed in its own term. */
  #announceServing(): void {
    if (this.#isClosing || !this.#raft.isLeader) return;
    const { term } = this.#raft;
    this.#raft.read('linearizable').then(
      () => {
        if (this.#raft.isLeader && this.#raft.term === term) this.#events.onServing(term);
      },
      (error: unknown) => {
        // Leadership was lost, and the next leader announces itself; or no majority answered in time: ask again.
        if (error instanceof RuntimeError && error.code === 'TIMEOUT') this.#announceServing();
      },
    );
  }

  /** It is silent for good: whoever started it starts it again, which recovers. */
  #failed(error: RuntimeError): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    const exitCode = error.code === 'STATE_MACHINE' ? EXIT.unusable : EXIT.failed;
    this.#events.onFailure(new ExitError(exitCode, error.message, { cause: error }));
  }
}

async function startRaft(
  options: NodeOptions & { readonly trust: () => AdminTrust | undefined },
  tlsFiles: TlsFiles | undefined,
  stateMachine: KvStateMachine,
): Promise<RaftServer<EntryReplies>> {
  const { id, members, ownPeer, clientAddress, admin } = options;
  try {
    const tls = tlsFiles === undefined ? undefined : readTlsFiles(tlsFiles);
    const start = (founding: Members | undefined, join?: JoinedCluster): Promise<RaftServer<EntryReplies>> =>
      startWith(options, stateMachine, { members: founding, join, tls });
    if (members !== undefined) return await start(members);
    try {
      return await start(undefined);
    } catch (error) {
      if (!(error instanceof RuntimeError) || error.code !== 'IDENTITY_MISSING') throw error;
    }
    if (options.join !== undefined) {
      const found = await findCluster({ admin: options.join, trust: options.trust() }, id);
      return await start(undefined, found);
    }
    const alone = {
      [id]: formatServerAddress({ peer: ownPeer, client: clientAddress, ...(admin && { admin }) }),
    };
    return await start(alone);
  } catch (error) {
    throw explained(toExitError(withTlsFile(error, tlsFiles)));
  }
}

interface Founding {
  readonly members: Members | undefined;
  readonly join: JoinedCluster | undefined;
  readonly tls: TlsCredentials | undefined;
}

/** Errors: `ExitError` where the token cannot be used. */
function checkToken({ admin, adminTokenFile, logger }: NodeOptions): void {
  if (adminTokenFile === undefined) return;
  if (admin === undefined)
    throw new ExitError(EXIT.refused, 'An admin token is for the admin port: say where that is, --admin.');
  readToken(adminTokenFile);
  if (isOpenToOthers(adminTokenFile))
    logger.warn({ adminTokenFile }, 'The admin token can be read by other users: chmod 600.');
}

/** Kept from the clients' port: a slow operator is nobody's trouble. */
async function startAdmin(
  { admin, adminTokenFile, logger }: NodeOptions,
  { raft, resp }: Pick<NodeParts, 'raft' | 'resp'>,
  tls: AdminTls,
): Promise<AdminSide | undefined> {
  if (admin === undefined) return undefined;
  const isOpen = !isLoopback(admin.host);
  if (isOpen && adminTokenFile === undefined) {
    logger.warn(
      { admin: formatEndpoint(admin) },
      'The admin port is open to other machines: whoever reaches it may change the cluster.',
    );
  } else if (isOpen && tls.certificate === undefined) {
    logger.warn(
      { admin: formatEndpoint(admin) },
      'The admin port is open to other machines without TLS: the token can be read on the way (--admin-tls-cert).',
    );
  }
  const version = readVersion();
  const dashboard = new Dashboard({
    ...{ raft, version, logger },
    clock: new NodeClock(),
    uptimeMs: () => Math.floor(process.uptime() * 1000),
    takesToken: adminTokenFile !== undefined,
    ask: askOverHttp(() => tls.trust),
  });
  try {
    const context = { raft, version, trust: () => tls.trust, metrics: metricsPage(raft, resp) };
    const server = await AdminServer.start({
      ...context,
      listen: admin,
      tokenFile: adminTokenFile,
      ...{ dashboard, logger, tls },
    });
    return { server, dashboard };
  } catch (error) {
    dashboard.close();
    throw error;
  }
}

function warnOfOpenPort({ clientListen, clientAccess, logger }: NodeOptions): void {
  if (isLoopback(clientListen.host) || !isOpenToAnybody(clientAccess)) return;
  logger.warn(
    { clients: formatEndpoint(clientListen) },
    "The clients' port is open to other machines: whoever reaches it may read and write everything.",
  );
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.');
}

function startWith(
  options: NodeOptions,
  stateMachine: KvStateMachine,
  { members, join, tls }: Founding,
): Promise<RaftServer<EntryReplies>> {
  const { id, directory, clusterName, clientAddress, admin, logger } = options;
  const peerListen = options.peerListen ?? (join === undefined ? undefined : options.ownPeer);
  return RaftServer.start<EntryReplies>({
    id,
    directory,
    stateMachine,
    sessionResults: entryReplies,
    timeResolutionMs: TIME_RESOLUTION_MS,
    ...(members === undefined ? {} : { bootstrap: { members, cluster: clusterName } }),
    ...(join === undefined ? {} : { join }),
    ...(tls === undefined ? {} : { tls }),
    ...(admin === undefined ? {} : { adminAddress: formatEndpoint(admin) }),
    ...(peerListen === undefined ? {} : { listen: formatEndpoint(peerListen) }),
    clientAddress: formatEndpoint(clientAddress),
    snapshotThreshold: options.snapshotEntries,
    ...(options.protocolTrace === undefined ? {} : { protocolTrace: traceTo(options.protocolTrace, logger) }),
    logger,
  });
}

/** Errors: `ExitError` where the file cannot be opened. */
function traceTo(path: string, logger: Logger): ProtocolTraceSink {
  try {
    return openProtocolTrace(path, (error) => {
      logger.error(
        { path, error: String(error) },
        'The protocol trace ends here: its file cannot be written.',
      );
    });
  } catch (cause) {
    throw new ExitError(EXIT.refused, `The protocol trace cannot be written: ${String(cause)}`, { cause });
  }
}

/** What to do about it, in the words of the command line. */
function explained(error: ExitError): ExitError {
  const { cause } = error;
  if (!(cause instanceof RuntimeError) || cause.code !== 'IDENTITY_MISMATCH') return error;
  const advice =
    'Use the ids, ports, number of servers and cluster name of its first start, or another directory.';
  return new ExitError(error.exitCode, `${error.message} ${advice}`, { cause });
}

/** Empty where only the directory knows. */
function peerEndpoints(options: NodeOptions): Endpoint[] {
  const { id, members, peerListen } = options;
  if (peerListen !== undefined) return [peerListen];
  if (members === undefined) return [];
  const own = parseServerAddress(members[id] ?? '');
  if (own !== undefined) return [own.peer];
  const ids = Object.keys(members).join(', ');
  throw new ExitError(EXIT.refused, `The peers (${ids}) do not include this server's own id, ${id}.`);
}

// Listens for Redis clients and serves the replicated store to them: RESP2 and RESP3, arrays and inline requests.
// It owns connections and counters; what requests mean is the router's, in which order they run the scheduler's.

import { randomBytes } from 'node:crypto';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import {
  createServer as createTlsServer,
  type SecureContextOptions,
  type Server as TlsServer,
} from 'node:tls';
import { type Clock, type Endpoint, formatEndpoint, NodeClock } from '@waldb/io';
import type { Command } from '../command/command.js';
import type { Client, ServerStatistics, ServerView } from '../command/command-context.js';
import { COMMANDS } from '../command/command-table.js';
import { KvError } from '../kv-error.js';
import type { Operation } from '../operation/operation.js';
import type { Reply } from '../resp/reply.js';
import type { KvStateMachine } from '../state/kv-state-machine.js';
import { Acknowledgements } from './acknowledgements.js';
import { CommandRate } from './command-rate.js';
import { CommandStatistics } from './command-statistics.js';
import { Connection } from './connection.js';
import { Cursors } from './cursors.js';
import { explainFailure } from './explain-failure.js';
import { OperationScheduler } from './operation-scheduler.js';
import type { ClusterState, Replica, ReplicaProgress } from './replica.js';
import { RequestRouter } from './request-router.js';
import { DEFAULT_SERVER_LIMITS, type ServerLimits } from './server-limits.js';
import { Subscriptions } from './subscriptions.js';
import { Sweeper } from './sweeper.js';
import { type UserOptions, Users } from './users.js';
import { VanishedClients } from './vanished-clients.js';

export interface RespServerOptions {
  /** Where to listen; port 0 takes any free one. */
  readonly listen: Endpoint;
  /** Replicates the store's operations: see `raftReplica`. */
  readonly replica: Replica;
  /** The state machine that the replica applies to. */
  readonly stateMachine: KvStateMachine;
  readonly limits?: Partial<ServerLimits>;
  /** With these, clients speak TLS. */
  readonly tls?: ClientTlsOptions;
  /** Who may connect and do what. Without users anybody may do anything. */
  readonly users?: readonly UserOptions[];
  /** Told to clients by HELLO and INFO. */
  readonly version?: string;
  readonly clock?: Clock;
}

/** PEM texts. */
export interface ClientTlsOptions {
  /** This server's certificate, with those between it and its authority. */
  readonly cert: string | Uint8Array;
  readonly key: string | Uint8Array;
  /** With it, clients must show a certificate of this authority. */
  readonly ca?: string | Uint8Array;
}

/** A handshake that takes longer is given up. */
const HANDSHAKE_MS = 10_000;
/** After this long without traffic the machine asks whether the client is still there. */
const KEEP_ALIVE_DELAY_MS = 300_000;
/** Connections that are told that there are too many, or are not through with their handshakes. */
const REFUSED_AT_A_TIME_MAX = 128;
const RUN_ID_BYTES = 20;
const TOO_MANY_CLIENTS = '-ERR max number of clients reached\r\n';

export class RespServer implements ServerView {
  /**
   * Resolves once clients can connect. Errors: `LISTEN_FAILED` (its cause has the machine's code), `OPTIONS_INVALID`.
   */
  static async start(options: RespServerOptions): Promise<RespServer> {
    const server = new RespServer(options);
    await server.#listen(options.listen);
    return server;
  }

  readonly version: string;
  readonly runId: string = randomBytes(RUN_ID_BYTES).toString('hex');
  readonly startedAt: number;
  readonly commands: ReadonlyMap<string, Command> = COMMANDS;
  readonly cursors: Cursors;
  readonly subscriptions: Subscriptions;
  readonly users: Users;
  readonly acknowledgements: Acknowledgements;
  readonly commandStatistics: CommandStatistics;
  readonly #limits: ServerLimits;
  readonly #clock: Clock;
  readonly #replica: Replica;
  readonly #stateMachine: KvStateMachine;
  readonly #scheduler: OperationScheduler;
  readonly #router: RequestRouter;
  readonly #sweeper: Sweeper;
  readonly #rate: CommandRate;
  readonly #vanished: VanishedClients<Connection>;
  readonly #listener: Server;
  readonly #tlsListener: TlsServer | undefined;
  readonly #connections = new Set<Connection>();
  #endpoint: Endpoint = { host: '', port: 0 };
  #connectionsAccepted = 0;
  #connectionsRefused = 0;
  #commandsProcessed = 0;
  #subscribersClosed = 0;
  /** Of connections that are closed. */
  readonly #closedBytes = { received: 0, sent: 0 };
  #seed: number;

  private constructor(options: RespServerOptions) {
    const { replica, stateMachine, clock = new NodeClock() } = options;
    this.#limits = checkedLimits({ ...DEFAULT_SERVER_LIMITS, ...options.limits });
    this.#clock = clock;
    this.#replica = replica;
    this.#stateMachine = stateMachine;
    this.version = options.version ?? '0.1.0';
    this.startedAt = clock.now();
    this.#seed = Math.floor(clock.date()) >>> 0;
    this.cursors = new Cursors(clock.date());
    this.users = new Users(options.users ?? [], this.commands);
    this.subscriptions = new Subscriptions({ listen: (listener) => stateMachine.listen(listener) });
    this.commandStatistics = new CommandStatistics({ now: () => clock.now() });
    const readState = (operation: Operation): Reply => stateMachine.read(operation, clock.date());
    this.#scheduler = new OperationScheduler({
      replica,
      readState,
      explain: (error, { key, isWrite }) => explainFailure(error, { isWrite, key }, replica.cluster()),
      defer: (callback) => clock.defer(callback),
      limits: this.#limits,
    });
    this.#router = new RequestRouter({
      server: this,
      submit: (operation) => this.#scheduler.submit(operation),
      readState,
      statistics: this.commandStatistics,
      limits: this.#limits,
    });
    this.#sweeper = new Sweeper({ replica, stateMachine, clock });
    this.acknowledgements = new Acknowledgements({ replica, clock });
    this.#rate = new CommandRate({ clock, count: () => this.#commandsProcessed });
    this.#vanished = new VanishedClients({
      clock,
      connections: this.#connections,
      limits: this.#limits,
      isListening: (connection) =>
        this.subscriptions.countOf(connection) > 0 || this.acknowledgements.isWaiting(connection),
    });
    const socketOptions = {
      // A client may send all it has, close its side, and still want the replies.
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE_DELAY_MS,
    };
    const { tls } = options;
    this.#tlsListener = tls === undefined ? undefined : listenerForTls(tls, socketOptions);
    this.#listener = this.#tlsListener ?? createServer(socketOptions);
    // Handshakes take places, too; beyond these nobody is told why.
    this.#listener.maxConnections = this.#limits.connectionsMax + REFUSED_AT_A_TIME_MAX;
    // A connection counts once it can speak: a handshake that fails is nobody's client.
    this.#listener.on(tls === undefined ? 'connection' : 'secureConnection', (socket) =>
      this.#accept(socket),
    );
  }

  /** Connections from now on are shown this certificate. Errors: `OPTIONS_INVALID` without TLS, or when it is not usable. */
  replaceCertificate(tls: ClientTlsOptions): void {
    try {
      this.#tlsListener?.setSecureContext(secureOptions(tls));
    } catch (cause) {
      throw badTls(cause);
    }
    if (this.#tlsListener === undefined) {
      throw new KvError('OPTIONS_INVALID', 'This server does not speak TLS to its clients.', {
        option: 'tls',
      });
    }
  }

  /** Where it listens, with the port that was chosen if 0 was asked for. */
  get endpoint(): Endpoint {
    return this.#endpoint;
  }

  get port(): number {
    return this.#endpoint.port;
  }

  now(): number {
    return this.#clock.now();
  }

  date(): number {
    return this.#clock.date();
  }

  nextSeed(): number {
    // Knuth's multiplier spreads consecutive numbers; 0 is no seed.
    this.#seed = (Math.imul(this.#seed, 2_654_435_761) + 1) >>> 0;
    return this.#seed || 1;
  }

  clients(): Iterable<Client> {
    return this.#connections;
  }

  cluster(): ClusterState {
    return this.#replica.cluster();
  }

  progress(): ReplicaProgress {
    return this.#replica.progress();
  }

  statistics(): ServerStatistics {
    const { received, sent } = this.#bytes();
    return {
      connectionsMax: this.#limits.connectionsMax,
      idleMsMax: this.#limits.idleMsMax,
      blockedClients: this.acknowledgements.waitingCount,
      commandsPerSecond: this.#rate.perSecond,
      bytesReceived: received,
      bytesSent: sent,
      expiredKeys: this.#stateMachine.expiredCount,
      keyHits: this.#stateMachine.readHits,
      keyMisses: this.#stateMachine.readMisses,
      subscribers: this.subscriptions.subscribersCount,
      subscribersClosed: this.#subscribersClosed,
      connections: this.#connections.size,
      connectionsAccepted: this.#connectionsAccepted,
      connectionsRefused: this.#connectionsRefused,
      commandsProcessed: this.#commandsProcessed,
      proposedBytes: this.#scheduler.proposedBytes,
      keys: this.#stateMachine.size,
      expiringKeys: this.#stateMachine.expiringSize,
      dataBytes: this.#stateMachine.bytes,
    };
  }

  /**
   * Stops listening and closes every connection. What was acknowledged is durable; requests that are not answered yet
   * end without an answer, like those of a client whose connection broke. Idempotent.
   */
  async close(): Promise<void> {
    this.#sweeper.close();
    this.#rate.close();
    this.#vanished.close();
    this.acknowledgements.close();
    const isClosed = new Promise<void>((resolve) => this.#listener.close(() => resolve()));
    for (const connection of this.#connections) connection.destroy();
    await isClosed;
  }

  #bytes(): { received: number; sent: number } {
    const bytes = { ...this.#closedBytes };
    for (const connection of this.#connections) {
      bytes.received += connection.bytesReceived;
      bytes.sent += connection.bytesSent;
    }
    return bytes;
  }

  #listen(endpoint: Endpoint): Promise<void> {
    return new Promise((resolve, reject) => {
      const onError = (cause: NodeJS.ErrnoException): void => reject(listenFailed(endpoint, cause));
      this.#listener.once('error', onError);
      this.#listener.listen({ host: endpoint.host, port: endpoint.port }, () => {
        this.#listener.off('error', onError);
        // An accept that fails (too many open files) concerns one client; the listener goes on.
        this.#listener.on('error', () => undefined);
        const { port } = this.#listener.address() as AddressInfo; // a TCP server's address is never a path
        this.#endpoint = { host: endpoint.host, port };
        resolve();
      });
    });
  }

  #accept(socket: Socket): void {
    if (this.#connections.size >= this.#limits.connectionsMax) {
      this.#connectionsRefused += 1;
      socket.on('error', () => socket.destroy());
      socket.end(TOO_MANY_CLIENTS, () => socket.destroy());
      return;
    }
    this.#connectionsAccepted += 1;
    this.#connections.add(
      new Connection({
        id: this.#connectionsAccepted,
        socket,
        limits: this.#limits,
        user: this.users.initial,
        now: () => this.#clock.now(),
        counter: this.commandStatistics,
        defer: (callback) => this.#clock.defer(callback),
        onRequest: (connection, request, place) => {
          this.#commandsProcessed += 1;
          this.#router.route(connection, request, place);
        },
        onTransactionReset: (connection) => this.#router.transactions.reset(connection),
        onAnsweredWhileHeld: (connection) => this.acknowledgements.answered(connection),
        onClose: (connection) => {
          this.#connections.delete(connection);
          if (connection.hasFallenBehind) this.#subscribersClosed += 1;
          this.#closedBytes.received += socket.bytesRead;
          this.#closedBytes.sent += socket.bytesWritten;
          this.acknowledgements.forget(connection);
          this.subscriptions.remove(connection);
          this.#router.transactions.reset(connection);
        },
      }),
    );
  }
}

interface SocketOptions {
  readonly allowHalfOpen: boolean;
  readonly noDelay: boolean;
  readonly keepAlive: boolean;
  readonly keepAliveInitialDelay: number;
}

function listenerForTls(tls: ClientTlsOptions, socketOptions: SocketOptions): TlsServer {
  try {
    const needsCertificate = tls.ca !== undefined;
    const listener = createTlsServer({
      ...socketOptions,
      ...secureOptions(tls),
      handshakeTimeout: HANDSHAKE_MS,
      requestCert: needsCertificate,
      rejectUnauthorized: needsCertificate,
    });
    // A client that cannot be understood is closed, and is nobody's trouble.
    listener.on('tlsClientError', (_, socket) => socket.destroy());
    return listener;
  } catch (cause) {
    throw badTls(cause);
  }
}

function secureOptions({ cert, key, ca }: ClientTlsOptions): SecureContextOptions {
  const pem = (text: string | Uint8Array): string | Buffer =>
    typeof text === 'string' ? text : Buffer.from(text);
  return {
    cert: pem(cert),
    key: pem(key),
    minVersion: 'TLSv1.2',
    ...(ca === undefined ? {} : { ca: pem(ca) }),
  };
}

function badTls(cause: unknown): KvError {
  const why = cause instanceof Error ? cause.message : String(cause);
  return new KvError(
    'OPTIONS_INVALID',
    `The certificate or key for clients cannot be used: ${why}.`,
    { option: 'tls' },
    { cause },
  );
}

function checkedLimits(limits: ServerLimits): ServerLimits {
  for (const [name, value] of Object.entries(limits)) {
    if (Number.isSafeInteger(value) && value > 0) continue;
    throw new KvError('OPTIONS_INVALID', `The limit ${name} is ${value}, but must be a positive integer.`, {
      option: name,
      value,
    });
  }
  return limits;
}

const LISTEN_FAULTS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another process listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'this user may not listen there',
  ENOTFOUND: 'the name does not resolve',
};

function listenFailed(endpoint: Endpoint, cause: NodeJS.ErrnoException): KvError {
  const address = formatEndpoint(endpoint);
  const why = LISTEN_FAULTS[cause.code ?? ''] ?? cause.message;
  return new KvError(
    'LISTEN_FAILED',
    `Cannot listen for clients on ${address}: ${why}.`,
    {
      address,
      code: cause.code,
    },
    { cause },
  );
}

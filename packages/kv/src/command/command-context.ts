// What local commands may see and change. The server implements these; commands know nothing of sockets.

import type { ProtocolVersion } from '../resp/encode-reply.js';
import type { Reply } from '../resp/reply.js';
import type { Acknowledgements } from '../server/acknowledgements.js';
import type { CommandStatistics } from '../server/command-statistics.js';
import type { Cursors } from '../server/cursors.js';
import type { ClusterState, ReplicaProgress } from '../server/replica.js';
import type { Subscriptions } from '../server/subscriptions.js';
import type { User, Users } from '../server/users.js';
import type { Command } from './command.js';

export interface CommandContext {
  /** Carried out by EXEC: nothing may wait. */
  readonly isInTransaction: boolean;
  readonly client: Client;
  readonly server: ServerView;
}

/** One connection as its own commands see it. */
export interface Client {
  readonly id: number;
  readonly address: string;
  readonly localAddress: string;
  readonly connectedAt: number;
  readonly lastRequestAt: number;
  readonly lastCommand: string;
  readonly keptBytes: number;
  readonly outputBytes: number;
  /** Commands of an open MULTI; -1: there is none. */
  readonly queuedCommands: number;
  /** Whether operations that it has asked for are under way. */
  readonly hasUnanswered: boolean;
  name: string;
  libraryName: string;
  libraryVersion: string;
  protocol: ProtocolVersion;
  /** Undefined until AUTH, where that is needed. */
  user: User | undefined;
  /** READONLY was sent: the client takes what this server knows, though it may be behind. */
  acceptsStale: boolean;
  /** CLIENT REPLY. */
  replies: 'on' | 'off' | 'skip' | 'skipNext';
  /** Tells the client something that it has not asked for just now. */
  push(reply: Reply): void;
  /** Gives up MULTI and WATCH. */
  resetTransaction(): void;
  /** Closes once everything asked until now is answered; later requests are not read. */
  closeAfterReplies(): void;
  /** Closes at once. */
  destroy(): void;
}

export interface ServerView {
  /** Milliseconds on the server's monotonic clock. */
  now(): number;
  /** Milliseconds since 1970, as this machine believes. */
  date(): number;
  /** A 32-bit number, another one at each call; never 0. */
  nextSeed(): number;
  readonly startedAt: number;
  readonly port: number;
  readonly version: string;
  /** 40 hexadecimal digits, others at each start: by them clients see that a server was started again. */
  readonly runId: string;
  readonly commands: ReadonlyMap<string, Command>;
  readonly cursors: Cursors;
  readonly subscriptions: Subscriptions;
  readonly users: Users;
  readonly acknowledgements: Acknowledgements;
  readonly commandStatistics: CommandStatistics;
  clients(): Iterable<Client>;
  cluster(): ClusterState;
  progress(): ReplicaProgress;
  statistics(): ServerStatistics;
}

export interface ServerStatistics {
  readonly connections: number;
  readonly connectionsMax: number;
  /** After so long a client that says nothing is closed; `NEVER` where it is not. */
  readonly idleMsMax: number;
  /** In WAIT. */
  readonly blockedClients: number;
  /** That listen to channels or patterns. */
  readonly subscribers: number;
  readonly connectionsAccepted: number;
  readonly connectionsRefused: number;
  /** Closed because they did not take what they were told. */
  readonly subscribersClosed: number;
  readonly commandsProcessed: number;
  /** Over the last second. */
  readonly commandsPerSecond: number;
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly proposedBytes: number;
  readonly keys: number;
  readonly expiringKeys: number;
  /** Removed because their time had come, since the start. */
  readonly expiredKeys: number;
  /** Keys that reads have asked for on this server and that were there, since the start. */
  readonly keyHits: number;
  /** The same of those that were not there. */
  readonly keyMisses: number;
  readonly dataBytes: number;
}

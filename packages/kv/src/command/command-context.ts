// What local commands may see and change. The server implements these; commands know nothing of sockets.

import type { ProtocolVersion } from '../resp/encode-reply.js';
import type { ClusterState } from '../server/replica.js';
import type { Command } from './command.js';

export interface CommandContext {
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
  name: string;
  libraryName: string;
  libraryVersion: string;
  protocol: ProtocolVersion;
  /** READONLY was sent: the client takes what this server knows, though it may be behind. */
  acceptsStale: boolean;
  /** Closes once everything asked until now is answered; later requests are not read. */
  closeAfterReplies(): void;
}

export interface ServerView {
  /** Milliseconds on the server's monotonic clock. */
  now(): number;
  readonly startedAt: number;
  readonly port: number;
  readonly version: string;
  readonly commands: ReadonlyMap<string, Command>;
  clients(): Iterable<Client>;
  cluster(): ClusterState;
  statistics(): ServerStatistics;
}

export interface ServerStatistics {
  readonly connections: number;
  readonly connectionsAccepted: number;
  readonly connectionsRefused: number;
  readonly commandsProcessed: number;
  readonly proposedBytes: number;
  readonly keys: number;
  readonly dataBytes: number;
}

// Raft messages between servers over byte streams: one connection each way, so that each server dials its peers to
// send and only listens to who dials it. Implements docs/transport-format.md. Loses messages when it must, and says so;
// it never blocks, never throws at a sender, and never grows without bound.

import { encodeMessage, type Index, type Message, type NodeId, type RaftTransport } from '@waldb/core';
import {
  type ByteStream,
  type Clock,
  type Endpoint,
  type Listener,
  type Network,
  type RefusedPeer,
  type StreamHandlers,
  type Timer,
  WaitingRoom,
} from '@waldb/io';
import { type Hello, refusalFrame } from './hello.js';
import { hostOf, Inbound } from './inbound.js';
import { DEFAULT_LIMITS, type TransportLimits } from './limits.js';
import { type Logger, LogOnce, SILENT_LOGGER } from './logger.js';
import { Peer, type PeerContext, type PeerStats } from './peer.js';
import { downloadSnapshot } from './snapshot-download.js';
import type { OpenSnapshot, SnapshotRequest } from './snapshot-request.js';
import { isMistrust, TransportError } from './transport-error.js';

export interface TcpTransportOptions {
  /** Only servers of the same cluster are talked to. */
  readonly clusterId: string;
  readonly nodeId: NodeId;
  /** The identity of this server's log: a server whose log was replaced is another server. */
  readonly logId: string;
  /** Where this server can be dialled, as configurations write it; told to every peer in each hello. */
  readonly address: string | (() => string);
  readonly listen: Endpoint;
  readonly network: Network;
  readonly clock: Clock;
  /** From 0 up to 1, for the jitter of redials. */
  readonly random: () => number;
  /** `bytes` is what the message took on the wire. */
  readonly onMessage: (message: Message, bytes: number) => void;
  /** Messages to this peer were lost, or cannot be sent now. */
  readonly onUnreachable?: (id: NodeId) => void;
  /** A ping to this peer was answered. */
  readonly onRoundTrip?: (id: NodeId, milliseconds: number) => void;
  /** Decides about a server of our cluster that is about to be talked to; throws a `TransportError` to refuse it. */
  readonly admit?: (hello: Hello) => void;
  /** The newest configuration that is known to be committed, if it does not have `id`; else 0. Told to `id`. */
  readonly absenceOf?: (id: NodeId) => Index;
  /** The mark of this server's own membership, once that is committed and on its disk; else 0. Told to everybody. */
  readonly memberSince?: () => Index;
  /** A peer that was admitted says that the committed configuration at `index` does not have us. */
  readonly onRemoved?: (index: Index, by: NodeId) => void;
  /** A peer has dialled us and was admitted. */
  readonly onHello?: (hello: Hello) => void;
  /** A peer asks for a snapshot: gives its bytes, or throws a `TransportError` to refuse. Default: there are none. */
  readonly onSnapshotRequest?: OpenSnapshot;
  readonly logger?: Logger;
  readonly limits?: Partial<TransportLimits>;
}

export interface TransportStats {
  readonly peers: Readonly<Record<NodeId, PeerStats>>;
  readonly inboundConnections: number;
  readonly receivedMessages: number;
  /** Messages that no queue took: no such peer, no connection, a full queue, or larger than a frame may be. */
  readonly droppedMessages: number;
  /** Heartbeats among them: a leader that cannot send these is about to lose its followers. */
  readonly droppedHeartbeats: number;
}

export class TcpTransport implements RaftTransport {
  readonly #options: TcpTransportOptions;
  readonly #context: PeerContext;
  readonly #peers = new Map<NodeId, Peer>();
  readonly #inbound = new Set<Inbound>();
  /** Those of them that have not said who they are. */
  readonly #strangers: WaitingRoom<Inbound>;
  /** Peers with something queued since the last flush. */
  readonly #unflushed = new Set<Peer>();
  #listener: Listener | undefined;
  #lifeTimer: Timer | undefined;
  readonly #stop = new AbortController();
  #isPaused = false;
  #isFlushPlanned = false;
  #closing: Promise<void> | undefined;
  #receivedMessages = 0;
  #droppedMessages = 0;
  #droppedHeartbeats = 0;

  /** Starts to listen. Errors: `NetworkError`. */
  static async listen(options: TcpTransportOptions): Promise<TcpTransport> {
    const transport = new TcpTransport(options);
    transport.#listener = await options.network.listen(
      options.listen,
      (stream) => transport.#accept(stream),
      (refused) => transport.#refuse(refused),
    );
    transport.#watchLife();
    return transport;
  }

  private constructor(options: TcpTransportOptions) {
    this.#options = options;
    const { address } = options;
    this.#strangers = new WaitingRoom(options.limits?.strangersMax ?? DEFAULT_LIMITS.strangersMax);
    this.#context = {
      clusterId: options.clusterId,
      nodeId: options.nodeId,
      logId: options.logId,
      address: typeof address === 'string' ? () => address : address,
      network: options.network,
      clock: options.clock,
      random: options.random,
      limits: { ...DEFAULT_LIMITS, ...options.limits },
      logger: options.logger ?? SILENT_LOGGER,
      logOnce: new LogOnce(() => options.clock.now()),
      admit: options.admit ?? (() => {}),
      absenceOf: options.absenceOf ?? (() => 0),
      memberSince: options.memberSince ?? (() => 0),
      onRemoved: options.onRemoved ?? (() => {}),
      onUnreachable: options.onUnreachable ?? (() => {}),
      onSnapshotRequest: options.onSnapshotRequest ?? refuseSnapshot,
      onRoundTrip: options.onRoundTrip ?? (() => {}),
    };
  }

  /** Where it listens, with the port that was chosen if 0 was asked for. */
  get endpoint(): Endpoint {
    return this.#listener?.endpoint ?? this.#options.listen;
  }

  /**
   * Dials `id` at `endpoint` from now on, instead of wherever it was before; and where nobody answers there, at `others`, in
   * turn. A connection that stands lives on, unless `endpoint` itself is another one than before.
   */
  setPeer(id: NodeId, endpoint: Endpoint, others: readonly Endpoint[] = []): void {
    if (this.#closing !== undefined || id === this.#options.nodeId) return;
    const places = [endpoint, ...others] as const;
    if (this.#peers.get(id)?.goesOnAt(places) === true) return;
    this.removePeer(id);
    this.#peers.set(id, new Peer(id, places, this.#context));
  }

  /** Dials `id` no more. What it sends is still received: a removed server may not know yet, and Raft copes. */
  removePeer(id: NodeId): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    this.#peers.delete(id);
    this.#unflushed.delete(peer);
    void peer.close(); // nobody waits for it
    this.#context.clock.setTimer(this.#context.limits.farewellMs, () => peer.destroy());
  }

  /** Ends what `id` has dialled, so that it says hello again, and hears ours. */
  disconnect(id: NodeId): void {
    for (const connection of this.#inbound) if (connection.peer === id) connection.destroy();
  }

  get peerIds(): NodeId[] {
    return [...this.#peers.keys()];
  }

  /** Queues a message. All that is queued in one turn of the event loop leaves in one write per peer. */
  send(to: NodeId, message: Message): void {
    const peer = this.#peers.get(to);
    // Not worth encoding for nobody.
    if (peer === undefined || !peer.isDialled) {
      this.#dropped(message);
      return;
    }
    const payload = encodeMessage(message);
    if (payload.length > this.#context.limits.frameBytesMax) this.#dropOversized(to, message, payload.length);
    else if (peer.send(payload)) this.#planFlush(peer);
    else this.#dropFull(to, message);
  }

  /**
   * Asks a peer for a snapshot, over a connection of its own: the image's pieces from the request's offset on. What ends
   * early ends without an error, as the other side would end it: compare with the length that was announced.
   * Errors: `TransportError` (`UNKNOWN_PEER`; `REFUSED`, with the peer's reason in `detail.theirCode`), `NetworkError`,
   * and the signal's reason.
   */
  requestSnapshot(
    from: NodeId,
    request: SnapshotRequest,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    const peer = this.#peers.get(from);
    if (peer === undefined || this.#closing !== undefined)
      throw new TransportError('UNKNOWN_PEER', `It is not known where server ${from} can be reached.`, {
        peer: from,
      });
    const stopped = AbortSignal.any([signal, this.#stop.signal]);
    return downloadSnapshot(this.#context, peer, request, stopped);
  }

  /** Hands everything queued to the machine now, instead of at the end of this turn. */
  flush(): void {
    for (const peer of this.#unflushed) peer.flush();
    this.#unflushed.clear();
  }

  /** Stops reading from all peers: their queues, and then ours at their side, fill up. For an owner that is behind. */
  pauseReceiving(): void {
    if (this.#isPaused) return;
    this.#isPaused = true;
    for (const connection of this.#inbound) connection.pause();
  }

  resumeReceiving(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    for (const connection of this.#inbound) connection.resume();
  }

  stats(): TransportStats {
    const peers: Record<NodeId, PeerStats> = {};
    for (const connection of this.#inbound) this.#heard(connection);
    for (const [id, peer] of this.#peers) peers[id] = peer.stats();
    return {
      peers,
      inboundConnections: this.#inbound.size,
      receivedMessages: this.#receivedMessages,
      droppedMessages: this.#droppedMessages,
      droppedHeartbeats: this.#droppedHeartbeats,
    };
  }

  /** Sends what is queued, as far as the peers take it soon, and closes every connection. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.flush();
    this.#stop.abort(new TransportError('CLOSED', 'The transport was closed.'));
    this.#lifeTimer?.cancel();
    const connections = [...this.#peers.values(), ...this.#inbound];
    const gone = Promise.all(connections.map((connection) => connection.close()));
    const grace = this.#options.clock.setTimer(this.#context.limits.farewellMs, () => {
      for (const connection of connections) connection.destroy();
    });
    await this.#listener?.close();
    await gone;
    grace.cancel();
    this.#peers.clear();
  }

  #accept(stream: ByteStream): StreamHandlers {
    const { limits, logger, logOnce } = this.#context;
    const connection = new Inbound(stream, this.#context, {
      onHello: (known, hello) => this.#met(known, hello),
      onMessage: (message, bytes) => {
        this.#receivedMessages += 1;
        this.#peers.get(message.from)?.received(bytes);
        this.#options.onMessage(message, bytes);
      },
      onSnapshotRequest: (asking) => this.#admitRequest(asking),
      onClosed: (closed) => {
        this.#heard(closed);
        this.#inbound.delete(closed);
        this.#strangers.leave(closed);
      },
    });
    if (this.#closing !== undefined) {
      void connection.close();
      connection.destroy();
      return connection;
    }
    this.#inbound.add(connection);
    const turnedOut = this.#strangers.enter(connection, hostOf(stream.remote));
    if (turnedOut !== undefined) {
      turnedOut.destroy();
      if (logOnce.isNew('inbound', 'strangers')) {
        logger.warn(
          { remote: stream.remote, strangersMax: limits.strangersMax },
          'Many connections are opened on which nobody says who he is: the oldest are closed.',
        );
      }
    }
    if (this.#isPaused) connection.pause();
    return connection;
  }

  /** Somebody came who could not prove who it is; what is returned is what it hears. */
  #refuse({ remote, error }: RefusedPeer): Uint8Array[] {
    const { logger, logOnce } = this.#context;
    const fields = { reason: error.code, ...error.detail };
    // Whoever leaves in the middle of a handshake was a probe, or has just stopped: no news.
    if (!isMistrust(error.code)) logger.debug(fields, error.message);
    else if (logOnce.isNew(`from-${hostOf(remote)}`, error.code)) logger.warn(fields, error.message);
    const { code } = error;
    const message =
      code === 'TLS_MISSING' ? 'This server speaks TLS only, and its caller does not.' : error.message;
    return refusalFrame({ code, message }, true);
  }

  #met(connection: Inbound, hello: Hello): void {
    const isSameKind = (other: Inbound): boolean => other.isForSnapshot === connection.isForSnapshot;
    const replaced = [...this.#inbound].filter(
      (other) => other !== connection && other.peer === hello.from && isSameKind(other),
    );
    const { inboundMax } = this.#context.limits;
    const known = [...this.#inbound].filter(({ peer }) => peer !== undefined).length;
    if (known - replaced.length >= inboundMax) {
      throw new TransportError('BUSY', `${known} connections of peers are open here; no more are accepted.`, {
        inboundMax,
      });
    }
    this.#strangers.leave(connection);
    // A peer dials again because it has lost the old connection, whatever our side of it looks like.
    for (const other of replaced) other.destroy();
    if (connection.isForSnapshot) return;
    this.#peers.get(hello.from)?.wake();
    this.#options.onHello?.(hello);
  }

  #heard({ peer, heardAt }: Inbound): void {
    if (peer !== undefined) this.#peers.get(peer)?.heard(heardAt);
  }

  #admitRequest(asking: Inbound): void {
    const { snapshotStreamsMax } = this.#context.limits;
    const sending = [...this.#inbound].filter(
      (other) => other.isSending && other.peer !== asking.peer,
    ).length;
    if (sending < snapshotStreamsMax) return;
    throw new TransportError('BUSY', `This server sends ${sending} snapshots already; ask again later.`, {
      snapshotStreamsMax,
    });
  }

  #planFlush(peer: Peer): void {
    this.#unflushed.add(peer);
    if (this.#isFlushPlanned) return;
    this.#isFlushPlanned = true;
    queueMicrotask(() => {
      this.#isFlushPlanned = false;
      this.flush();
    });
  }

  #dropped(message: Message): void {
    this.#droppedMessages += 1;
    if (message.type === 'heartbeat') this.#droppedHeartbeats += 1;
  }

  #dropOversized(to: NodeId, message: Message, bytes: number): void {
    this.#dropped(message);
    const { limits, logger, logOnce, onUnreachable } = this.#context;
    if (logOnce.isNew(`to-${to}`, 'oversized')) {
      logger.error(
        { peer: to, message: message.type, bytes, bytesMax: limits.frameBytesMax },
        `A message of ${bytes} bytes to server ${to} was not sent: the limit is ${limits.frameBytesMax}.`,
      );
    }
    onUnreachable(to);
  }

  #dropFull(to: NodeId, message: Message): void {
    this.#dropped(message);
    const { logger, logOnce, onUnreachable } = this.#context;
    if (logOnce.isNew(`to-${to}`, 'full')) {
      logger.warn({ peer: to }, `Server ${to} is too slow: messages to it are dropped.`);
    }
    onUnreachable(to);
  }

  #watchLife(): void {
    const { clock, limits } = this.#context;
    const dueAt = clock.now() + limits.pingIntervalMs;
    this.#lifeTimer = clock.setTimer(limits.pingIntervalMs, () => {
      // A process that was stopped, or busy, wakes to this timer before it reads what has come meanwhile.
      const asleepMs = Math.max(clock.now() - dueAt, 0);
      for (const peer of this.#peers.values()) peer.checkLife(asleepMs);
      for (const connection of this.#inbound) connection.checkLife(asleepMs);
      this.#watchLife();
    });
  }
}

function refuseSnapshot(): never {
  throw new TransportError('SNAPSHOT_UNAVAILABLE', 'This server has no snapshots to give.');
}

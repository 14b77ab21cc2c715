// Puts a server together from its directory, its node, its network and its driver, and takes it apart again in the
// order in which nothing is lost.

import { type Index, type NodeId, type RaftConfig, type RaftLog, RaftNode } from '@waldb/core';
import {
  type Clock,
  type Endpoint,
  formatEndpoint,
  NetworkError,
  NodeClock,
  parseEndpoint,
  type Vfs,
} from '@waldb/io';
import { type Logger, SILENT_LOGGER, TcpTransport } from '@waldb/transport';
import type { WalLog } from '@waldb/wal';
import type { ReplicatedState } from './apply/replicated-state.js';
import { TimedStateMachine } from './apply/timed-state-machine.js';
import type { Identity } from './directory/identity.js';
import type { KnownLogs } from './directory/known-logs.js';
import { closeStore, openStore, type Store } from './directory/store.js';
import { Driver } from './loop/driver.js';
import { AddressBook } from './membership/address-book.js';
import { OwnMembership } from './membership/own-membership.js';
import { formatServerAddress, requireServerAddress } from './membership/server-address.js';
import { Emitter } from './observe/emitter.js';
import { MetricsRecorder } from './observe/metrics-recorder.js';
import { NodeView } from './observe/node-view.js';
import { tellInitialState } from './observe/protocol-trace.js';
import type { RaftServerEvents } from './observe/server-events.js';
import { ServerListener } from './observe/server-listener.js';
import { traced } from './observe/traced.js';
import { checkOptions } from './options/check-options.js';
import { DEFAULT_RUNTIME_LIMITS, type RuntimeLimits } from './options/limits.js';
import {
  commandBytesMax,
  compactionOptions,
  DEFAULT_SNAPSHOT_THRESHOLD,
  DEFAULT_TICK_MS,
  ownAddress,
  type RaftServerOptions,
} from './options/options.js';
import { diskStallTicks, protocolOptions } from './options/protocol-options.js';
import { numberFromBytes, seededRandom } from './randomness.js';
import { RuntimeError } from './runtime-error.js';
import { openNetwork, type ServerNetwork, type ServerTls } from './server-network.js';
import { Interpreter } from './session/interpreter.js';
import { plainResults, type ResultCodec } from './session/result-codec.js';
import { SessionRequests } from './session/session-requests.js';
import { SessionTable } from './session/session-table.js';
import type { Images } from './snapshot/images.js';
import type { StateMachine } from './state-machine.js';

/** Of the log that is read at a time where only the sessions are to hear of it. */
const REPLAY_BYTES_MAX = 1 << 20;

export interface ServerParts<Result> {
  readonly identity: Identity;
  readonly node: RaftNode;
  readonly driver: Driver<Result>;
  readonly sessionRequests: SessionRequests<Result>;
  readonly transport: TcpTransport;
  /** Undefined when peers are spoken to without TLS. */
  readonly tls: ServerTls | undefined;
  readonly addressBook: AddressBook;
  readonly membership: OwnMembership;
  readonly events: Emitter<RaftServerEvents>;
  readonly clock: Clock;
  readonly log: WalLog;
  readonly images: Images;
  readonly recorder: MetricsRecorder;
  readonly limits: RuntimeLimits;
  readonly nodeView: NodeView;
  readonly sessions: SessionTable;
  /** Names the leader, with its addresses. */
  readonly notLeader: () => RuntimeError;
  /** Stops the driver for `reason` unless it has stopped already, then closes everything. */
  readonly close: (reason: RuntimeError) => Promise<void>;
}

/** Opens everything; on failure nothing is left open. Nothing runs before `driver.start`. */
export async function openServerParts<Result>(
  given: RaftServerOptions<Result>,
): Promise<ServerParts<Result>> {
  checkOptions(given);
  const { options, vfs, network, endTrace } = traced(given, openNetwork(given));
  const store = await openStore(vfs, options);
  try {
    // What the server replicates of its own is made here, restored with the state machine, and lives in the driver.
    const sessions = new SessionTable();
    const applied = await restoreState(options.stateMachine, sessions, store);
    replaySessions(sessions, store.log, applied);
    return await assemble(options, vfs, store, { applied, sessions, endTrace, ...network });
  } catch (error) {
    await closeStore(store);
    throw error;
  }
}

/**
 * Brings both states to the newest snapshot; the machine's not if it holds more by itself. Returns the index that the
 * machine holds.
 */
async function restoreState<Result>(
  machine: StateMachine<Result>,
  replicatedState: ReplicatedState,
  store: Store,
): Promise<number> {
  const own = machine.appliedIndex?.() ?? 0;
  const snapshot = store.log.snapshot();
  if (snapshot === undefined) return own;
  try {
    if (snapshot.index <= own) {
      await store.images.restore(snapshot, { replicatedState });
      return own;
    }
    await store.images.restore(snapshot, { replicatedState, stateMachine: machine });
  } catch (cause) {
    if (cause instanceof RuntimeError) throw cause;
    throw new RuntimeError(
      'STATE_MACHINE',
      `The state machine could not be restored from the snapshot at index ${snapshot.index}: ${String(cause)}.`,
      { detail: { index: snapshot.index }, cause },
    );
  }
  return snapshot.index;
}

/** A machine that holds more than the snapshot is not given those entries again; the sessions are. */
function replaySessions(sessions: SessionTable, log: RaftLog, applied: Index): void {
  const replayed = { table: sessions, codec: plainResults, ...DEFAULT_RUNTIME_LIMITS, onTrouble: () => {} };
  const interpreter = new Interpreter(replayed);
  const through = Math.min(applied, log.lastIndex()); // a machine that is ahead of its log is refused by the node
  for (let from = log.snapshotIndex() + 1; from <= through; ) {
    const entries = log.entries(from, through, REPLAY_BYTES_MAX);
    interpreter.replay(entries.filter(({ kind }) => kind === 'normal'));
    from += entries.length;
  }
}

interface Made {
  readonly applied: number;
  readonly sessions: SessionTable;
  readonly endTrace: () => void;
}

async function assemble<Result>(
  options: RaftServerOptions<Result>,
  vfs: Vfs,
  store: Store,
  made: Made & ServerNetwork,
): Promise<ServerParts<Result>> {
  const { applied, sessions, network, tls, endTrace } = made;
  const { identity, log, knownLogs } = store;
  const clock = options.clock ?? new NodeClock();
  const logger = options.logger ?? SILENT_LOGGER;
  const seed = options.seed ?? numberFromBytes(vfs.randomBytes(6));
  const random = seededRandom(seed);
  const incarnation = numberFromBytes(vfs.randomBytes(6));
  const node = RaftNode.withLog(raftConfig(options, identity, { applied, seed, incarnation }), log, {
    durability: 'deferred',
  });
  if (options.protocolTrace !== undefined) tellInitialState(options.protocolTrace, node);
  const nodeView = new NodeView(node, log);
  const address = ownAddress(options, identity.address);
  const addressBook = new AddressBook({
    ownId: identity.id,
    ownAddress: address,
    founded: identity.members,
    configuration: node.configuration,
  });
  const limits = { ...DEFAULT_RUNTIME_LIMITS, ...options.limits };
  const recorder = new MetricsRecorder({ clusterId: identity.clusterId, server: identity.id }, clock);
  const whoLeads = (): RuntimeError => notLeader(node, addressBook);
  const events = makeEvents(logger);
  // Plain values are what the default takes; it refuses whatever of `Result` is something else.
  const sessionResults = options.sessionResults ?? (plainResults as ResultCodec<Result>);
  const membership = beginMembership(node, identity, knownLogs);

  const listener = new ServerListener({
    ...{ node, nodeView, addressBook, membership, knownLogs, events, recorder, logger, clock },
    dialPeers: () => dialPeers(transport, addressBook),
    disconnect: (id) => transport.disconnect(id),
  });
  const transport = await listen({
    clusterId: identity.clusterId,
    nodeId: identity.id,
    logId: identity.logId,
    address: () => toldAddress(options, addressBook, address),
    listen: listenEndpoint(options, identity),
    network,
    clock,
    random,
    logger,
    // What the log cannot hold must not come as far as the log.
    limits: {
      ...(options.log?.entryBytesMax === undefined ? {} : { entryBytesMax: options.log.entryBytesMax }),
      ...options.transportLimits,
    },
    onMessage: (message, bytes) => {
      driver.inbox.push(message, bytes);
      driver.wake();
    },
    onUnreachable: (id) => driver.unreachable(id),
    onRoundTrip: (id, milliseconds) => recorder.roundTrip(id, milliseconds),
    admit: (hello) => knownLogs.admit(hello),
    onSnapshotRequest: (peer, request) => driver.snapshots.give(peer, request),
    absenceOf: (id) => membership.absenceOf(id),
    memberSince: () => knownLogs.memberSince,
    onRemoved: (index) => {
      driver.toldOfRemoval(index);
      if (membership.told(index)) listener.onRemoved();
    },
    onHello: (hello) => {
      addressBook.learn(hello.from, hello.address, hello.memberSince);
      dialPeers(transport, addressBook);
    },
  });

  const driver: Driver<Result> = new Driver<Result>({
    node,
    log,
    stateMachine: new TimedStateMachine(options.stateMachine, clock, recorder),
    recorder,
    replicatedState: sessions,
    images: store.images,
    random,
    sessions,
    sessionResults,
    timeResolutionMs: options.timeResolutionMs ?? 0,
    blocksForQuickDisk: options.blocksForQuickDisk ?? true,
    transport,
    clock,
    tickMs: options.tickMs ?? DEFAULT_TICK_MS,
    compaction: compactionOptions(options),
    diskStallTicks: diskStallTicks(options),
    limits: { ...limits, commandBytesMax: commandBytesMax(options) },
    notLeader: whoLeads,
    listener,
  });
  dialPeers(transport, addressBook);

  const close = async (reason: RuntimeError): Promise<void> => {
    // 1. Nothing new is started, and requests are answered.  2. The peers hear what was sent.  3. What is staged
    // becomes durable: an acknowledged command is durable on a quorum already, this keeps our own copy of it.
    await driver.stop(reason);
    nodeView.status(); // for whoever asks later
    await transport.close();
    await closeStore(store);
    endTrace();
  };
  return {
    identity,
    node,
    driver,
    sessionRequests: new SessionRequests({
      clusterId: identity.clusterId,
      proposals: driver.proposals,
      wake: () => driver.wake(),
      clock: driver.clientWork.loggedClock,
      table: sessions,
      codec: sessionResults,
      limits,
    }),
    transport,
    tls,
    addressBook,
    membership,
    events,
    clock,
    log,
    images: store.images,
    notLeader: whoLeads,
    recorder,
    limits,
    nodeView,
    sessions,
    close,
  };
}

/** What a server that joins was told is no configuration: it counts nobody's absence, nor its own. */
function beginMembership(node: RaftNode, identity: Identity, knownLogs: KnownLogs): OwnMembership {
  const { id, origin } = identity;
  const membership = new OwnMembership({
    id,
    wasMember: origin === 'bootstrap' || knownLogs.memberSince > 0,
  });
  const { configuration, configurationIndex, commitIndex } = node.status();
  if (origin === 'join' && configurationIndex === 0) return membership;
  membership.configure(configuration, configurationIndex);
  knownLogs.configure(configuration);
  if (configurationIndex <= commitIndex) membership.committed(configuration, configurationIndex);
  return membership;
}

function raftConfig<Result>(
  options: RaftServerOptions<Result>,
  identity: Identity,
  chance: { readonly applied: number; readonly seed: number; readonly incarnation: number },
): RaftConfig {
  const { id, origin, members, address } = identity;
  const others = Object.keys(members)
    .map(Number)
    .filter((member) => member !== id);
  return {
    ...protocolOptions(options),
    ...chance,
    id,
    peers: others,
    learners: origin === 'join' ? [id] : [],
    addresses: { ...members, [id]: address },
    snapshotThreshold: options.snapshotThreshold ?? DEFAULT_SNAPSHOT_THRESHOLD,
  };
}

function listenEndpoint<Result>(options: RaftServerOptions<Result>, identity: Identity): Endpoint {
  if (options.listen === undefined)
    return requireServerAddress(identity.address, "This server's address").peer;
  const endpoint = parseEndpoint(options.listen);
  if (endpoint !== undefined) return endpoint;
  throw new RuntimeError(
    'OPTIONS_INVALID',
    `listen is ${JSON.stringify(options.listen)}, but must be host:port.`,
    {
      detail: { option: 'listen', value: options.listen },
    },
  );
}

async function listen(options: Parameters<typeof TcpTransport.listen>[0]): Promise<TcpTransport> {
  try {
    return await TcpTransport.listen(options);
  } catch (error) {
    if (!(error instanceof NetworkError)) throw error;
    const code = error.code === 'ADDRESS_IN_USE' ? 'ADDRESS_IN_USE' : 'ADDRESS_UNUSABLE';
    throw new RuntimeError(code, error.message, { detail: error.detail, cause: error });
  }
}

/** What this server says of where it is: what it was told to say, else what its configuration says, which may be newer than `address`. */
function toldAddress<Result>(
  { id, advertise }: RaftServerOptions<Result>,
  addressBook: AddressBook,
  address: string,
): string {
  const known = advertise === undefined ? addressBook.addressOf(id) : undefined;
  return known === undefined ? address : formatServerAddress(known);
}

function dialPeers(transport: TcpTransport, addressBook: AddressBook): void {
  const peers = addressBook.peers();
  for (const id of transport.peerIds) if (!peers.has(id)) transport.removePeer(id);
  for (const [id, [endpoint, ...others]] of peers) transport.setPeer(id, endpoint, others);
}

function makeEvents(logger: Logger): Emitter<RaftServerEvents> {
  return new Emitter<RaftServerEvents>((error, name) => {
    logger.error({ event: name, error }, `A listener of ${name} threw: ${String(error)}.`);
  });
}

function notLeader(node: RaftNode, addressBook: AddressBook): RuntimeError {
  const leader: NodeId | undefined = node.leader;
  const address = leader === undefined ? undefined : addressBook.addressOf(leader);
  const where = leader === undefined ? 'no leader is known' : `server ${leader} leads`;
  return new RuntimeError('NOT_LEADER', `Server ${node.id} does not lead: ${where}.`, {
    detail: {
      leader,
      leaderAddress: address && formatEndpoint(address.peer),
      leaderClientAddress: address?.client && formatEndpoint(address.client),
      leaderAdminAddress: address?.admin && formatEndpoint(address.admin),
    },
  });
}

// What follows from what happens to a server: its peers are dialled, its listeners, its log and its metrics hear of it.
// Calls come from inside the loop. Nothing is told twice, and nothing is written to the log for a single request.

import type { Configuration, Index, NodeId, RaftNode, Role, Term } from '@waldb/core';
import type { Clock } from '@waldb/io';
import type { Logger } from '@waldb/transport';
import type { KnownLogs } from '../directory/known-logs.js';
import type { DriverListener } from '../loop/driver-options.js';
import type { AddressBook } from '../membership/address-book.js';
import type { OwnMembership } from '../membership/own-membership.js';
import { diskFullError, type RuntimeError } from '../runtime-error.js';
import type { Emitter } from './emitter.js';
import type { MetricsRecorder } from './metrics-recorder.js';
import type { NodeView } from './node-view.js';
import { MembershipNews, type RaftServerEvents, RoleNews, type SnapshotEvent } from './server-events.js';
import { TroubleNews } from './trouble-news.js';

export interface ServerListenerOptions {
  readonly node: RaftNode;
  readonly nodeView: NodeView;
  readonly addressBook: AddressBook;
  readonly membership: OwnMembership;
  readonly knownLogs: KnownLogs;
  readonly events: Emitter<RaftServerEvents>;
  readonly recorder: MetricsRecorder;
  readonly logger: Logger;
  readonly clock: Clock;
  /** Dials whom the address book names, and nobody else. */
  readonly dialPeers: () => void;
  /** Ends what a server has dialled, so that it dials again and hears our hello. */
  readonly disconnect: (id: NodeId) => void;
}

export class ServerListener implements DriverListener {
  readonly #options: ServerListenerOptions;
  readonly #roles: RoleNews;
  readonly #memberships: MembershipNews;
  readonly #troubles: TroubleNews;

  constructor(options: ServerListenerOptions) {
    this.#options = options;
    this.#roles = new RoleNews(options.node.role);
    this.#memberships = new MembershipNews(options.node.configuration);
    this.#troubles = new TroubleNews(options.clock);
  }

  onRole(role: Role, term: Term, leader: NodeId | undefined): void {
    const { events, recorder, logger, nodeView } = this.#options;
    nodeView.status(); // a moment worth remembering, should the log fail
    if (this.#roles.isNewRole(role)) {
      recorder.roleChanged(role, term);
      logger.info({ event: 'roleChange', role, term }, `This server is now a ${role}, in term ${term}.`);
      events.emit('roleChange', { role, term });
    }
    if (this.#roles.isNewLeader(leader, term)) {
      recorder.leaderChanged(leader, term);
      const who = leader === undefined ? 'No leader is known' : `Server ${leader} leads`;
      logger.info({ event: 'leaderChange', leader, term }, `${who} in term ${term}.`);
      events.emit('leaderChange', { leader, term });
    }
  }

  onCommit(index: Index): void {
    const { events, recorder } = this.#options;
    recorder.committed(index);
    if (events.hasListeners('commit')) events.emit('commit', { index });
  }

  onConfiguration(configuration: Configuration, index: Index): void {
    const { addressBook, dialPeers, events, knownLogs, logger, membership } = this.#options;
    membership.configure(configuration, index);
    knownLogs.configure(configuration);
    addressBook.configure(configuration);
    dialPeers();
    if (!this.#memberships.isNew(configuration)) return;
    const { voters, learners, votersOutgoing } = configuration;
    logger.info(
      { event: 'membershipChange', voters, learners, votersOutgoing },
      `The members in force are now the voters ${list(voters)} and the learners ${list(learners)}.`,
    );
    events.emit('membershipChange', { configuration });
  }

  onConfigurationCommitted(configuration: Configuration, index: Index): void {
    const { addressBook, dialPeers, disconnect, knownLogs, membership } = this.#options;
    if (membership.committed(configuration, index)) this.onRemoved();
    knownLogs.committed(configuration, index);
    const gone = addressBook.committed(configuration, index);
    dialPeers();
    for (const id of gone) disconnect(id);
  }

  /** We are in the cluster no more: the log says so, or a member. */
  onRemoved(): void {
    const { events, logger, membership } = this.#options;
    const index = membership.removedAt;
    logger.warn(
      { event: 'removed', index },
      'This server was removed from the cluster. It takes no part any more and can be stopped.',
    );
    events.emit('removed', { index });
  }

  onSnapshot(event: SnapshotEvent): void {
    const { events, recorder, logger } = this.#options;
    recorder.snapshot(event);
    logger.info({ event: 'snapshot', ...event }, `The snapshot at index ${event.index} was ${event.step}.`);
    events.emit('snapshot', event);
  }

  onDiskFull(isFull: boolean): void {
    if (isFull) this.onTrouble(diskFullError());
    else this.#options.logger.info({ event: 'diskHasRoom' }, 'The disk has room again.');
  }

  onTrouble(error: RuntimeError): void {
    if (!this.#troubles.isNew(error)) return;
    const { events, logger } = this.#options;
    logger.warn({ event: 'trouble', code: error.code, ...error.detail }, error.message);
    events.emit('trouble', error);
  }

  onFailed(error: RuntimeError): void {
    const { events, logger } = this.#options;
    logger.error({ event: 'error', code: error.code, ...error.detail }, error.message);
    events.emit('error', error);
  }
}

function list(ids: readonly NodeId[]): string {
  return ids.length === 0 ? '(none)' : ids.join(', ');
}

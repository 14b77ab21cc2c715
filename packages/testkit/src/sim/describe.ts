// How a run prints: events, actions and messages in one line each, the same in traces and in failure reports.

import type { Action, Configuration, Event, LogEntry, Message } from '@waldb/core';

export function describeEvent(event: Event): string {
  switch (event.type) {
    case 'message':
      return `receives ${describeMessage(event.message)}`;
    case 'propose':
      return 'propose';
    case 'proposeBatch':
      return `proposeBatch of ${event.commands.length}`;
    case 'durable':
      return `durable seq=${event.seq}`;
    case 'snapshot':
      return `snapshot index=${event.index} keep=${event.keepEntries ?? 0}`;
    case 'changeMembership':
      return `changeMembership voters=[${event.voters}] learners=[${event.learners ?? []}] autoLeave=${event.autoLeave ?? true}`;
    case 'read':
      return `read ${describeContext(event.context)}`;
    case 'storageFailed':
      return 'storageFailed';
    default: {
      const { type, ...fields } = event;
      return `${type} ${describeFields(fields)}`.trimEnd();
    }
  }
}

export function describeAction(action: Action): string {
  switch (action.type) {
    case 'send':
      return `sends ${describeMessage(action.message)}`;
    case 'apply':
      return `apply ${describeEntries(action.entries)}`;
    case 'restoreSnapshot':
      return `restoreSnapshot ${action.snapshot.index}@${action.snapshot.term}`;
    case 'membershipChanged':
      return `membershipChanged index=${action.index} ${describeConfiguration(action.configuration)}`;
    case 'readReady':
      return `readReady ${describeContext(action.context)} index=${action.index}`;
    case 'readFailed':
      return `readFailed ${describeContext(action.context)} ${action.reason}`;
    default: {
      const { type, ...fields } = action;
      return `${type} ${describeFields(fields)}`.trimEnd();
    }
  }
}

export function describeMessage(message: Message): string {
  const { type, from, to, term, ...rest } = message;
  const head = `${type} ${from}->${to} term=${term}`;
  switch (message.type) {
    case 'appendEntries': {
      const { prevLogIndex, prevLogTerm, leaderCommit, entries } = message;
      return `${head} prev=${prevLogIndex}@${prevLogTerm} commit=${leaderCommit} ${describeEntries(entries)}`;
    }
    case 'installSnapshot': {
      const { index, term: snapshotTerm, configuration } = message.snapshot;
      return `${head} ${index}@${snapshotTerm} ${describeConfiguration(configuration)}`;
    }
    case 'readIndex':
      return `${head} ${describeContext(message.context)}`;
    case 'readIndexReply':
      return `${head} ${describeContext(message.context)} index=${message.index}`;
    default:
      return `${head} ${describeFields(rest)}`.trimEnd();
  }
}

/** `5..7@2 9noop@3`: runs of indexes with their term; what is not a command says so. */
export function describeEntries(entries: readonly LogEntry[]): string {
  const parts: string[] = [];
  for (let i = 0; i < entries.length; i++) {
    const first = entries[i] as LogEntry; // i is in bounds
    let last = first;
    while (
      first.kind === 'normal' &&
      entries[i + 1]?.kind === 'normal' &&
      entries[i + 1]?.term === first.term
    ) {
      i += 1;
      last = entries[i] as LogEntry; // the loop condition saw it
    }
    const range = first === last ? `${first.index}` : `${first.index}..${last.index}`;
    parts.push(`${range}${first.kind === 'normal' ? '' : first.kind}@${first.term}`);
  }
  return `[${parts.join(' ')}]`;
}

export function describeConfiguration(configuration: Configuration): string {
  const { voters, learners, votersOutgoing, learnersNext, autoLeave } = configuration;
  const parts = [`voters=[${voters}]`];
  if (learners.length > 0) parts.push(`learners=[${learners}]`);
  if (votersOutgoing.length > 0)
    parts.push(`outgoing=[${votersOutgoing}] next=[${learnersNext}] autoLeave=${autoLeave}`);
  return parts.join(' ');
}

function describeContext(context: Uint8Array): string {
  return `#${Buffer.from(context).toString('hex')}`;
}

function describeFields(fields: object): string {
  return Object.entries(fields)
    .filter(([name, value]) => name !== 'now' && value !== undefined)
    .map(
      ([name, value]) =>
        `${name}=${typeof value === 'number' ? Math.round(value * 100) / 100 : String(value)}`,
    )
    .join(' ');
}

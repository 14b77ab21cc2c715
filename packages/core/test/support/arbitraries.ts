// Random values of the protocol's types for property tests, drawn so that every width of the encoding comes up. They
// are values a node could send: what must be refused is written by hand in the tests.

import fc from 'fast-check';
import type { Configuration, LogEntry, Message, MessageType, NodeId, Snapshot } from '../../src/index.js';
import { encodeEntry } from '../../src/index.js';

/** Where an unsigned integer's encoding changes width, one beside it on either side, and the ends of the range. */
export const UINT_BOUNDARIES: readonly number[] = [
  0,
  1,
  0x7e,
  0x7f,
  0x80,
  0xfe,
  0xff,
  0x100,
  0xfffe,
  0xffff,
  0x10000,
  0xffff_fffe,
  0xffff_ffff,
  2 ** 32,
  2 ** 32 + 1,
  2 ** 53 - 2,
  2 ** 53 - 1,
];

/** Every type of message; the compiler keeps it complete. */
const MESSAGE_TYPE_SET: Readonly<Record<MessageType, true>> = {
  requestVote: true,
  requestVoteReply: true,
  preVote: true,
  preVoteReply: true,
  appendEntries: true,
  appendEntriesReply: true,
  heartbeat: true,
  heartbeatReply: true,
  installSnapshot: true,
  installSnapshotReply: true,
  timeoutNow: true,
  readIndex: true,
  readIndexReply: true,
};
export const MESSAGE_TYPES: readonly MessageType[] = Object.keys(MESSAGE_TYPE_SET) as MessageType[];

export function uints(min = 0): fc.Arbitrary<number> {
  return fc.oneof(
    fc.constantFrom(...UINT_BOUNDARIES.filter((value) => value >= min)),
    fc.integer({ min, max: 300 }),
    fc.maxSafeNat().map((value) => Math.max(min, value)),
  );
}

/** Short ones mostly, and lengths around 256; a failure that prints 64 KiB helps nobody, so those are tested by hand. */
export function byteStrings(): fc.Arbitrary<Uint8Array> {
  return fc.oneof(
    { weight: 8, arbitrary: fc.uint8Array({ maxLength: 40 }) },
    {
      weight: 1,
      arbitrary: fc.constantFrom(0xff, 0x100).map((length) => new Uint8Array(length).fill(length)),
    },
  );
}

/** A configuration that may be in force, joint or not. */
export function configurations(): fc.Arbitrary<Configuration> {
  return fc
    .tuple(
      fc.uniqueArray(uints(1), { minLength: 1, maxLength: 20 }),
      fc.infiniteStream(fc.constantFrom<Part>('voter', 'both', 'outgoing', 'learner', 'learnerNext')),
      fc.boolean(),
      fc.infiniteStream(fc.option(addresses(), { nil: undefined })),
    )
    .map(([ids, parts, autoLeave, ofServers]) => {
      const placed = [...ids]
        .sort((a, b) => a - b)
        .map((id) => ({ id, part: parts.next().value, address: ofServers.next().value }));
      const first = placed[0];
      if (first !== undefined) first.part = 'both'; // never without voters
      return configurationOf(placed, autoLeave);
    });
}

type Part = 'voter' | 'both' | 'outgoing' | 'learner' | 'learnerNext';
type Placed = { readonly id: NodeId; readonly part: Part; readonly address: string | undefined };

function configurationOf(servers: readonly Placed[], autoLeave: boolean): Configuration {
  const of = (...parts: Part[]): NodeId[] => servers.filter((s) => parts.includes(s.part)).map((s) => s.id);
  const known = servers.filter((s) => s.address !== undefined).map((s) => [s.id, s.address]);
  return {
    voters: of('voter', 'both'),
    learners: of('learner'),
    votersOutgoing: of('both', 'outgoing', 'learnerNext'),
    learnersNext: of('learnerNext'),
    autoLeave,
    addresses: Object.fromEntries(known),
  };
}

function addresses(): fc.Arbitrary<string> {
  return fc.oneof(
    fc.webAuthority(),
    fc.string({ unit: 'grapheme', maxLength: 300 }).filter((text) => !text.startsWith('\ufeff')),
    fc.constantFrom(31, 32, 0xff, 0x100).map((length) => 'a'.repeat(length)),
  );
}

export function entries(): fc.Arbitrary<LogEntry> {
  return fc
    .record({
      term: uints(),
      index: uints(1),
      kind: fc.constantFrom('normal' as const, 'noop' as const, 'config' as const),
      command: byteStrings(),
    })
    .map(encodeEntry);
}

/** What a leader of `term` may send after `prevLogIndex`: without a gap, terms never falling and never above its own. */
function runs(): fc.Arbitrary<{
  term: number;
  prevLogIndex: number;
  prevLogTerm: number;
  entries: LogEntry[];
}> {
  const commands = fc.array(fc.tuple(byteStrings(), fc.constantFrom(0, 0, 0, 1, 200)), { maxLength: 20 });
  return fc.tuple(uints(), uints(), commands).map(([rawTerm, rawIndex, items]) => {
    const prevLogIndex = Math.min(rawIndex, Number.MAX_SAFE_INTEGER - items.length);
    const rise = items.reduce((sum, [, step]) => sum + step, 0);
    const prevLogTerm = Math.min(rawTerm, Number.MAX_SAFE_INTEGER - rise);
    let term = prevLogTerm;
    const list = items.map(([command, step], i) => {
      term += step;
      return encodeEntry({ term, index: prevLogIndex + 1 + i, kind: 'normal', command });
    });
    return { term, prevLogIndex, prevLogTerm, entries: list };
  });
}

function snapshots(): fc.Arbitrary<Snapshot> {
  return fc.record({ index: uints(1), term: uints(), configuration: configurations(), data: byteStrings() });
}

/** Any message of this type that a decoder has to accept. */
export function messagesOf(type: MessageType): fc.Arbitrary<Message> {
  const envelope = { from: uints(1), to: uints(1), term: uints() };
  const make = <F extends object>(fields: { [K in keyof F]: fc.Arbitrary<F[K]> }): fc.Arbitrary<Message> =>
    // The callers below give each type its own fields.
    fc.record({ type: fc.constant(type), ...envelope, ...fields }) as unknown as fc.Arbitrary<Message>;
  switch (type) {
    case 'requestVote':
      return make({ lastLogIndex: uints(), lastLogTerm: uints(), transfer: fc.boolean() });
    case 'preVote':
      return make({ lastLogIndex: uints(), lastLogTerm: uints() });
    case 'requestVoteReply':
    case 'preVoteReply':
      return make({ voteGranted: fc.boolean() });
    case 'appendEntries':
      return fc.tuple(envelope.from, envelope.to, runs(), uints()).map(([from, to, run, leaderCommit]) => ({
        type,
        from,
        to,
        leaderCommit,
        ...run,
      }));
    case 'appendEntriesReply':
      return make({
        success: fc.boolean(),
        prevLogIndex: uints(),
        matchIndex: uints(),
        hintIndex: uints(),
        hintTerm: uints(),
      });
    case 'heartbeat':
      return make({ leaderCommit: uints(), round: uints() });
    case 'heartbeatReply':
      return make({ round: uints() });
    case 'installSnapshot':
      return fc.tuple(envelope.from, envelope.to, snapshots(), uints()).map(([from, to, snapshot, term]) => ({
        type,
        from,
        to,
        term: Math.max(term, snapshot.term),
        snapshot,
      }));
    case 'installSnapshotReply':
      return make({ snapshotIndex: uints(), success: fc.boolean(), matchIndex: uints() });
    case 'timeoutNow':
      return make({});
    case 'readIndex':
      return make({ incarnation: uints(), request: uints() });
    case 'readIndexReply':
      return make({ incarnation: uints(), request: uints(), index: uints() });
  }
}

export function messages(): fc.Arbitrary<Message> {
  return fc.constantFrom(...MESSAGE_TYPES).chain(messagesOf);
}

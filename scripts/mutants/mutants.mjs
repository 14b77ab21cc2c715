// Mistakes that somebody could make in the protocol, the log, the snapshots or the server, each as the smallest change
// that makes it. `pnpm mutants` applies them one by one to a copy of the sources and lets the simulator look for them;
// docs/simulation.md has the table of what it took. test/mutants.test.ts holds every text against the sources, so a
// mutant never silently changes nothing.

/**
 * name  how `pnpm mutants --only` calls it
 * rule  what the mistake breaks, in words for the table
 * edits `from`, which must occur exactly once in `file`, becomes `to`
 * withReleases  whether the cluster is upgraded to later releases, which are made with the same mistake
 */
export const MUTANTS = [
  // ---- votes and elections ----
  core('vote-before-durable', 'A vote leaves before it is durable', 'protocol/election.ts', [
    [
      "raft.sendGated({ type: 'requestVoteReply', from: raft.id",
      "raft.send({ type: 'requestVoteReply', from: raft.id",
    ],
  ]),
  core('vote-twice', 'A server votes for everybody who asks', 'protocol/election.ts', [
    ['const isFree = raft.votedFor === undefined && raft.leader === undefined;', 'const isFree = true;'],
  ]),
  core('vote-for-shorter-log', 'A vote does not ask for the length of the log', 'protocol/election.ts', [
    ['return candidate.lastLogIndex >= raft.log.lastIndex();', 'return true;'],
  ]),
  core('vote-for-older-log', 'A vote does not ask for the last term', 'protocol/election.ts', [
    [
      'if (candidate.lastLogTerm !== ownTerm) return candidate.lastLogTerm > ownTerm;',
      'if (candidate.lastLogTerm > ownTerm) return true;',
    ],
  ]),
  core('small-majority', 'Half of the voters decide', 'quorum/majority.ts', [
    ['return Math.floor(voterCount / 2) + 1;', 'return Math.max(1, Math.floor(voterCount / 2));'],
  ]),
  core('no-noop', 'A new leader appends no entry of its own term', 'protocol/election.ts', [
    [
      `  raft.stageAppend([
    encodeEntry({ term: raft.term, index: lastIndex + 1, kind: 'noop', command: NO_COMMAND }),
  ]);
`,
      '  void encodeEntry;\n  void NO_COMMAND;\n',
    ],
  ]),

  // ---- replication and commit ----
  core(
    'ack-before-durable',
    'A follower acknowledges before its disk has the entries',
    'protocol/replication.ts',
    [
      [
        'const { prevLogIndex } = request;\n  raft.sendGated({',
        'const { prevLogIndex } = request;\n  raft.send({',
      ],
    ],
  ),
  core(
    'own-entries-before-durable',
    'A leader counts entries that its own disk does not have',
    'protocol/commit.ts',
    [
      [
        'leader.tracker.committedIndex(raft.durability.index)',
        'leader.tracker.committedIndex(raft.log.lastIndex())',
      ],
    ],
  ),
  core('apply-before-durable', 'Entries are applied that the own disk does not have', 'protocol/commit.ts', [
    ['const to = Math.min(raft.commitIndex, raft.durability.index);', 'const to = raft.commitIndex;'],
  ]),
  core('commit-by-counting', 'An entry of an earlier term is committed by counting', 'protocol/commit.ts', [
    [
      'if (index <= raft.commitIndex || raft.log.termAt(index) !== raft.term) return false;',
      'if (index <= raft.commitIndex) return false;',
    ],
  ]),
  core(
    'no-log-matching',
    'A follower takes entries without looking at the one before',
    'protocol/replication.ts',
    [
      [
        'if (prevLogIndex > raft.commitIndex && raft.log.termAt(prevLogIndex) !== prevLogTerm)',
        'if (prevLogIndex > raft.log.lastIndex())',
      ],
    ],
  ),
  core('duplicate-truncates', 'A repeated append cuts off what came after it', 'protocol/replication.ts', [
    [
      '(entry) => entry.index > lastIndex || raft.log.termAt(entry.index) !== entry.term,',
      '(entry) => entry.index > raft.commitIndex,',
    ],
  ]),
  core('conflict-kept', 'A conflict does not replace what follows it', 'protocol/replication.ts', [
    [
      '(entry) => entry.index > lastIndex || raft.log.termAt(entry.index) !== entry.term,',
      '(entry) => entry.index > lastIndex,',
    ],
  ]),
  core('marks-not-clamped', 'A truncation leaves the durable index where it was', 'protocol/state.ts', [
    ['    this.durability.clamp(from - 1);\n', ''],
  ]),
  core(
    'heartbeat-commits-all',
    'A heartbeat commits what its receiver may not have',
    'protocol/heartbeat.ts',
    [
      [
        'const leaderCommit = Math.min(raft.commitIndex, progress.matchIndex);',
        'const leaderCommit = raft.commitIndex;',
      ],
    ],
  ),

  core(
    'commit-beyond-append',
    'A follower commits behind the last entry that an append covers',
    'protocol/replication.ts',
    [
      [
        'commitTo(raft, Math.min(message.leaderCommit, lastNew));',
        'commitTo(raft, Math.min(message.leaderCommit, raft.log.lastIndex()));',
      ],
    ],
  ),
  core(
    'ack-last-index',
    'A follower acknowledges its last entry instead of the last one of the append',
    'protocol/replication.ts',
    [['accept(raft, message, lastNew);', 'accept(raft, message, raft.log.lastIndex());']],
  ),
  core('stale-timeout-now', 'A server campaigns for whoever once led', 'protocol/dispatch.ts', [
    [
      'if (message.term < raft.term) return answerStale(raft, message);',
      "if (message.term < raft.term && message.type !== 'timeoutNow') return answerStale(raft, message);",
    ],
  ]),

  // ---- reads ----
  core(
    'ignored-incarnation',
    'An answer to a read of an earlier life is taken for that to another',
    'protocol/read-index.ts',
    [['message.incarnation !== raft.config.incarnation', 'message.incarnation < 0']],
  ),
  core('lease-ends-with-term', 'A later term ends what a voter promised a leader', 'protocol/election.ts', [
    [
      'if (term > raft.term) raft.stageHardState(term, undefined);',
      'if (term > raft.term) {\n    raft.leaderHeardAt = undefined;\n    raft.stageHardState(term, undefined);\n  }',
    ],
  ]),
  core(
    'read-without-quorum',
    'A leader answers reads without asking whether it still leads',
    'protocol/read-index.ts',
    [
      [
        'if (isAlone(raft) || (mayUseLease(reader) && holdsLease(raft, leader, raft.now)))',
        'if (isAlone(raft) || mayUseLease(reader) || holdsLease(raft, leader, raft.now) || raft.id > 0)',
      ],
    ],
  ),
  core(
    'read-before-noop',
    'A new leader answers reads before it knows what is committed',
    'protocol/read-index.ts',
    [['return raft.commitIndex >= leader.termStartIndex;', 'return leader.termStartIndex > 0;']],
  ),
  core('read-by-old-round', 'A read is confirmed by a round that began before it', 'protocol/read-index.ts', [
    ['round: leader.round + 1 });', 'round: leader.round });'],
  ]),
  core('long-lease', 'A lease is three times as long as its followers keep it', 'protocol/read-index.ts', [
    [
      'return now - confirmedAt < config.leaseMs / (1 + config.clockDriftMax);',
      'return now - confirmedAt < config.leaseMs * 3;',
    ],
  ]),

  // ---- membership ----
  core(
    'removed-for-ever',
    'A server that was told of its removal never campaigns again',
    'protocol/membership-change.ts',
    [
      [
        'raft.removedAt = Math.max(raft.removedAt, index);',
        'raft.removedAt = index + Number.MAX_SAFE_INTEGER / 2;',
      ],
    ],
  ),
  core('half-of-joint', 'In a joint configuration the new half decides alone', 'quorum/joint.ts', [
    [
      '  if (sets.votersOutgoing.length === 0) return incoming;',
      '  if (sets.voters.length > 0) return incoming;',
    ],
    [
      "  return incoming === 'won' && outgoing === 'won' ? 'won' : 'pending';",
      "  return incoming === 'won' ? 'won' : 'pending';",
    ],
  ]),
  core(
    'two-changes',
    'A change of members begins before the last one is committed',
    'protocol/membership-change.ts',
    [
      [
        'if (raft.configurationIndex > raft.commitIndex) {\n    throw',
        'if (raft.configurationIndex > raft.log.lastIndex()) {\n    throw',
      ],
    ],
  ),
  core(
    'change-without-commit',
    'A new leader changes members before it has committed anything',
    'protocol/membership-change.ts',
    [
      [
        '  if (raft.commitIndex < leader.termStartIndex) {\n    throw',
        '  if (leader.termStartIndex < 0) {\n    throw',
      ],
    ],
  ),

  // ---- snapshots ----
  core(
    'restore-before-durable',
    'A state machine is restored from a snapshot that a crash can take back',
    'protocol/snapshot.ts',
    [["    raft.holdEffect({ type: 'restore', snapshot });\n", '    restore(raft, snapshot);\n']],
  ),
  core(
    'snapshot-ack-before-durable',
    'A snapshot is acknowledged before it is durable',
    'protocol/snapshot.ts',
    [
      [
        'const snapshotIndex = request.snapshot.index;\n  raft.sendGated({',
        'const snapshotIndex = request.snapshot.index;\n  raft.send({',
      ],
    ],
  ),
  mutant('image-not-synced', 'A snapshot gets its name before its bytes are synced', [
    [
      'packages/snapshot/src/image-writer.ts',
      '    await this.#write(encodeTrailer(trailer, this.#seed));\n    await this.#sync();\n',
      '    await this.#write(encodeTrailer(trailer, this.#seed));\n',
    ],
  ]),

  // ---- the log ----
  mutant('no-write-sync', 'The log is written without a sync', [
    [
      'packages/wal/src/segment/tail.ts',
      "this.#file = this.#vfs.open(segment.path, 'update', { durable: true });",
      "this.#file = this.#vfs.open(segment.path, 'update');",
    ],
    ['packages/io/src/io-plan.ts', '  if (!file.isDurable) file.sync();\n', ''],
    [
      'packages/io/src/io-plan.ts',
      '  if (file.isDurable) {\n    file.writeWithCallback',
      '  if (file.size() >= 0) {\n    file.writeWithCallback',
    ],
  ]),
  wal('flush-promises-too-much', 'A flush also promises what was staged while it ran', 'log-engine.ts', [
    [
      '      if (error === undefined) this.#tailWritten(seq);\n      done(error);',
      '      if (error === undefined) this.#tailWritten(Math.max(seq, this.staging.seq));\n      done(error);',
    ],
  ]),
  wal(
    'segment-name-not-synced',
    "A new segment's name is not synced to its directory",
    'segment/new-segment.ts',
    [["  yield { type: 'syncDirectory', path: dirname(path) };\n", '  void dirname;\n']],
  ),
  wal(
    'segment-contents-not-synced',
    'A new segment gets its name before its contents are synced',
    'segment/new-segment.ts',
    [["      yield { type: 'sync', file };\n", '']],
  ),
  wal('segment-without-vote', 'A new segment does not repeat the vote', 'segment/durable-state.ts', [
    [
      "[{ type: 'hardState', state: this.hardState }]",
      "[{ type: 'hardState', state: { term: 0, votedFor: undefined } }]",
    ],
  ]),
  wal(
    'durable-seq-ignored',
    'Recovery does not believe what later frames say of earlier ones',
    'recovery/scan-segment.ts',
    [
      ['    walk.provenSeq = Math.max(walk.provenSeq, frame.header.durableSeq);\n', ''],
      ['      walk.provenSeq = Math.max(walk.provenSeq, header.durableSeq);\n', ''],
    ],
  ),
  wal(
    'metadata-proof-ignored',
    'Recovery does not believe what the metadata says is durable',
    'recovery/read-segments.ts',
    [
      [
        'return Math.max(header.publishedSeq, metadata.durableSeq, footer?.lastSeq ?? 0);',
        'return Math.max(header.publishedSeq, Math.min(metadata.durableSeq, 0), footer?.lastSeq ?? 0);',
      ],
    ],
  ),
  wal(
    'stale-frames-count',
    'Frames of an earlier use of a segment count: no salt, no number',
    'recovery/scan-segment.ts',
    [['if (header.frameSeq !== seq)', 'if (header.frameSeq > 2 ** 52)']],
    [
      ['packages/wal/src/format/segment-header.ts', '  bytes.set(header.salt, 0);\n', ''],
      [
        'packages/wal/src/format/segment-header.ts',
        '  writeUint64(viewOf(bytes), 8, header.segmentId);\n',
        '',
      ],
    ],
  ),
  wal(
    'unproven-not-rewritten',
    'What a failed sync may have left in memory only is shown as if it were on disk',
    'recovery/scan-segment.ts',
    [
      [
        '  const late = settleProven(walk);\n',
        '  walk.provenSeq = Math.max(walk.provenSeq, walk.unproven.at(-1)?.seq ?? 0);\n  const late = settleProven(walk);\n',
      ],
    ],
  ),
  wal(
    'poison-forgotten',
    'After a failed sync the log says that what was written is durable',
    'log-engine.ts',
    [
      [
        '      if (error === undefined) this.#tailWritten(seq);\n      done(error);',
        '      this.#tailWritten(seq);\n      done(undefined);',
      ],
    ],
  ),

  // ---- the server ----
  mutant('session-applies-again', 'A repeated command of a session is applied again', [
    [
      'packages/runtime/src/session/session-table.ts',
      "    if (known !== undefined) return { type: 'repeat', slot: known };\n",
      "    if (known !== undefined) return { type: 'apply', slot: known };\n",
    ],
  ]),
  mutant('sessions-forgotten-by-restore', 'A snapshot is restored without the sessions in it', [
    [
      'packages/runtime/src/session/session-table.ts',
      '    this.#content = decodeTable(block);\n',
      '    this.#content = { ...decodeTable(block), sessions: new Map() };\n',
    ],
  ]),
  mutant('unknown-told-as-refused', 'A lost leadership is told as "not applied"', [
    [
      'packages/runtime/src/request/proposals.ts',
      "whether it will be applied is not known.',\n    { mayHaveBeenApplied: true },",
      "whether it will be applied is not known.',\n    { mayHaveBeenApplied: false },",
    ],
  ]),
  mutant('backlog-skipped', 'Commands that a slow state machine has to read back from the log are skipped', [
    [
      'packages/runtime/src/apply/applier.ts',
      '      work.from = work.given + 1;\n',
      '      work.from = work.through + 1;\n',
    ],
  ]),
  mutant('wiped-server-admitted', 'A server that lost its disk goes on under its old id', [
    [
      'packages/runtime/src/directory/known-logs.ts',
      '      throw logReplaced(from, known.logId, logId);\n',
      '      return void logReplaced;\n',
    ],
  ]),

  // ---- versions (docs/upgrades.md) ----
  upgraded('newer-page-read', 'A log of a newer version is read as if it were of this one', [
    [
      'packages/wal/src/format/page.ts',
      "  if (version > FORMAT_VERSION) return { type: 'newer', version };\n",
      '',
    ],
  ]),
  upgraded('newer-slot-passed-over', 'A metadata slot of a newer version is taken for a damaged one', [
    [
      'packages/wal/src/recovery/read-directory.ts',
      "  for (const slot of slots) if (slot.type === 'newer') throw newerVersion(METADATA_FILE, slot.version);\n",
      '',
    ],
  ]),
  upgraded('newest-version-spoken', 'A connection speaks the newest version, whatever the other end knows', [
    [
      'packages/transport/src/hello.ts',
      '  const version = Math.min(theirMax, VERSION_MAX);\n',
      '  const version = Math.max(theirMax, VERSION_MAX);\n',
    ],
  ]),
];

function upgraded(name, rule, edits) {
  return { ...mutant(name, rule, edits), withReleases: true };
}

function mutant(name, rule, edits) {
  return { name, rule, edits: edits.map(([file, from, to]) => ({ file, from, to })) };
}

function core(name, rule, file, edits) {
  return mutant(name, rule, within(`packages/core/src/${file}`, edits));
}

function wal(name, rule, file, edits, more = []) {
  return mutant(name, rule, [...within(`packages/wal/src/${file}`, edits), ...more]);
}

function within(file, edits) {
  return edits.map(([from, to]) => [file, from, to]);
}

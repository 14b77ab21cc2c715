// Random but legal use of a RaftLog: what Raft would do to one, with the odd corners more often than in life.

import { type EntryKind, encodeConfiguration, encodeEntry, type LogEntry, type Snapshot } from '@waldb/core';
import type { SeededRandom } from '../sim/seeded-random.js';
import type { LogCall, ModelLog } from './model-log.js';

export interface ScriptOptions {
  /** The longest command; most are much shorter. */
  readonly commandBytesMax: number;
  readonly entriesMax: number;
}

/** The next call for a log that is in the model's state. It is always one that a log must accept. */
export function randomCall(model: ModelLog, random: SeededRandom, options: ScriptOptions): LogCall {
  const dice = random.below(100);
  if (dice < 50) return append(model, random, options);
  if (dice < 62) return truncate(model, random);
  if (dice < 80) return setHardState(model, random);
  if (dice < 90) return applySnapshot(model, random, options);
  return compact(model, random);
}

export function randomEntry(
  at: { readonly index: number; readonly term: number },
  random: SeededRandom,
  commandBytesMax: number,
): LogEntry {
  const kind: EntryKind = random.pick(['normal', 'normal', 'normal', 'noop', 'config'] as const);
  const bytesMax = random.chance(0.05) ? commandBytesMax : Math.min(64, commandBytesMax);
  const command =
    kind === 'config'
      ? encodeConfiguration(configuration(random))
      : kind === 'noop'
        ? new Uint8Array(0)
        : randomBytes(random, random.between(0, bytesMax));
  const entry = { ...at, kind, command };
  // Logs take entries with and without their encoding.
  return random.chance(0.8) ? encodeEntry(entry) : entry;
}

function append(model: ModelLog, random: SeededRandom, options: ScriptOptions): LogCall {
  const entries: LogEntry[] = [];
  let term = model.lastTerm + (random.chance(0.2) ? 1 : 0);
  if (model.lastIndex > 0 && term === 0) term = 1;
  for (let left = random.between(0, options.entriesMax); left > 0; left--) {
    if (random.chance(0.05)) term += random.between(1, 3);
    entries.push(
      randomEntry({ index: model.lastIndex + entries.length + 1, term }, random, options.commandBytesMax),
    );
  }
  return { type: 'append', entries };
}

/** What is committed is never truncated, and a snapshot covers only what is committed. */
function truncate(model: ModelLog, random: SeededRandom): LogCall {
  const low = Math.max(model.compacted.index, model.snapshot?.index ?? 0) + 1;
  return { type: 'truncate', from: random.between(low, Math.max(low, model.lastIndex + 1)) };
}

function setHardState(model: ModelLog, random: SeededRandom): LogCall {
  const term = model.hardState.term + random.below(3);
  return {
    type: 'setHardState',
    state: { term, votedFor: random.chance(0.5) ? random.between(1, 5) : undefined },
  };
}

function applySnapshot(model: ModelLog, random: SeededRandom, options: ScriptOptions): LogCall {
  const index = random.between(1, model.lastIndex + (random.chance(0.3) ? 20 : 0) || 1);
  const known = model.termAt(index);
  const term = known !== undefined && random.chance(0.85) ? known : model.lastTerm + random.between(0, 2);
  const snapshot: Snapshot = {
    index,
    term,
    configuration: configuration(random),
    data: randomBytes(random, random.below(options.commandBytesMax)),
  };
  return { type: 'applySnapshot', snapshot };
}

function compact(model: ModelLog, random: SeededRandom): LogCall {
  const highest = Math.min(model.snapshot?.index ?? 0, model.lastIndex);
  return { type: 'compact', through: random.between(0, highest) };
}

function configuration(random: SeededRandom): Snapshot['configuration'] {
  const voters = [1, ...[2, 3, 4, 5].filter(() => random.chance(0.5))];
  return {
    voters,
    learners: [],
    votersOutgoing: [],
    learnersNext: [],
    autoLeave: false,
    addresses: { 1: 'a:1' },
  };
}

function randomBytes(random: SeededRandom, length: number): Uint8Array {
  return Uint8Array.from({ length }, () => random.below(256));
}

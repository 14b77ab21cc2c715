// What may be made durable ahead of its turn. On a full disk a staged compaction waits behind frames that have no space,
// and only the compaction could make some. Such facts can go into the metadata first, if that shows nobody a log that
// never was: they must speak of durable entries only, which nothing staged before them has dropped
// (docs/durability.md, "A full disk").

import type { Index } from '@waldb/core';
import type { SnapshotRef } from '../format/record.js';
import type { LogPosition } from '../state/frame-effects.js';
import type { Batch } from './staging.js';

export interface FactsAhead {
  readonly snapshot: SnapshotRef | undefined;
  readonly compacted: LogPosition | undefined;
}

export function factsAhead(
  unwritten: readonly Batch[],
  durable: {
    readonly lastIndex: Index;
    readonly snapshot: SnapshotRef | undefined;
    /** Whether entries may only be given up below a snapshot: in a plain log there are none. */
    readonly needsSnapshot: boolean;
  },
): FactsAhead {
  let snapshot: SnapshotRef | undefined;
  let compacted: LogPosition | undefined;
  // Durable entries up to here are as the calls so far have left them.
  let intact = durable.lastIndex;
  for (const { effects } of unwritten.flatMap((batch) => batch.frames)) {
    if (effects.resetTo !== undefined) break;
    if (effects.truncateFrom !== undefined) intact = Math.min(intact, effects.truncateFrom - 1);
    if (effects.snapshot !== undefined && effects.snapshot.index <= intact) snapshot = effects.snapshot;
    const covered = durable.needsSnapshot ? ((snapshot ?? durable.snapshot)?.index ?? 0) : intact;
    if (effects.compacted !== undefined && effects.compacted.index <= Math.min(intact, covered))
      compacted = effects.compacted;
  }
  return { snapshot, compacted };
}

// What an inspection tells of a log's directory: facts for people and for programs (`waldb wal inspect --json` prints
// it as it is). Nothing here decides what is done about them.

import type { HardState, Index, Term } from '@waldb/core';
import type { LogKind } from '../format/page.js';

/**
 * - `sound`: everything that was ever acknowledged is there.
 * - `unsynced-tail`: sound, and at its end lies what a crash cut off. The next open for writing settles it by itself.
 * - `damaged`: something is missing or unreadable and opening is refused, or a read will be.
 * - `unreadable`: there is no log here, or none that this program can read; `problem` says why.
 */
export type Verdict = 'sound' | 'unsynced-tail' | 'damaged' | 'unreadable';

export interface Inspection {
  readonly directory: string;
  readonly verdict: Verdict;
  /** Why nothing can be said, when `unreadable`. */
  readonly problem: InspectionProblem | undefined;
  readonly logId: string | undefined;
  readonly kind: LogKind | undefined;
  /** Slot A and slot B; none when METADATA is missing. */
  readonly metadata: readonly MetadataSlotReport[];
  /** Oldest first. */
  readonly segments: readonly SegmentReport[];
  readonly snapshots: readonly SnapshotReport[];
  /** Files of the log's that count for nothing and that it removes or uses again by itself. */
  readonly leftovers: readonly string[];
  readonly entries: EntriesReport;
  readonly hardState: HardState | undefined;
  /** Entries up to here were given up, as a rule because a snapshot covers them. */
  readonly compacted: { readonly index: Index; readonly term: Term };
  /** The highest frame seq that anything proves to be durable. */
  readonly durableSeq: number;
  readonly tail: TailReport;
  /** In the order of the log; at most `DAMAGES_MAX` of them, `damagesOmitted` counts the rest. */
  readonly damages: readonly Damage[];
  readonly damagesOmitted: number;
  /** Faults that lose nothing and that the next open for writing mends. */
  readonly notes: readonly Note[];
}

export const DAMAGES_MAX = 1000;

export type InspectionProblemCode =
  | 'NOT_FOUND'
  | 'NOT_A_DIRECTORY'
  | 'NOT_A_LOG'
  | 'NEWER_VERSION'
  | 'NO_PERMISSION'
  | 'UNREADABLE';

export interface InspectionProblem {
  readonly code: InspectionProblemCode;
  readonly message: string;
}

export interface MetadataSlotReport {
  readonly slot: 'A' | 'B';
  readonly state: 'valid' | 'damaged' | 'newer';
  /** Of a bad one, what is wrong. */
  readonly why: string | undefined;
  readonly generation: number | undefined;
  /** Whether this is the one that counts. */
  readonly isCurrent: boolean;
}

export interface SegmentReport {
  readonly id: number;
  readonly file: string;
  readonly place: 'sealed' | 'tail' | 'missing';
  /** The file's size. */
  readonly bytes: number;
  /** Up to the end of the last frame that counts. */
  readonly usedBytes: number;
  readonly header: 'valid' | 'damaged' | 'newer' | 'foreign' | 'missing';
  readonly baseIndex: Index | undefined;
  /** Frames that count and are whole. */
  readonly frames: number;
  readonly firstSeq: number | undefined;
  readonly lastSeq: number | undefined;
  /** Entries in those frames, whether or not a later frame has dropped them. */
  readonly entries: number;
  readonly firstIndex: Index | undefined;
  readonly lastIndex: Index | undefined;
  readonly firstTerm: Term | undefined;
  readonly lastTerm: Term | undefined;
  /** `none`: the tail has none, and the one before it may not have got one in a crash. */
  readonly footer: 'good' | 'none' | 'damaged' | 'outdated';
  readonly damages: number;
}

export interface SnapshotReport {
  readonly file: string;
  readonly index: Index;
  readonly term: Term;
  readonly bytes: number;
  /** `leftover`: not the one that the log refers to. */
  readonly state: 'sound' | 'damaged' | 'missing' | 'leftover';
  readonly why: string | undefined;
}

export interface EntriesReport {
  /** 0 and 0 for a log that holds none. What only a proof makes durable, and lost ones, are within. */
  readonly first: Index;
  readonly last: Index;
  /** How many of them can be read. */
  readonly readable: number;
  /** How many of those nothing proves to be durable. */
  readonly unproven: number;
}

export interface TailReport {
  /** Frames that are whole and not proven durable: the next open for writing writes them again. */
  readonly unprovenFrames: number;
  /** Where an unsynced write was cut off; the next open drops what is there. */
  readonly droppedAt: { readonly segment: number; readonly offset: number } | undefined;
  /** Frames behind that place. */
  readonly droppedFrames: number;
  /**
   * What lies where the next frame would be. `mark`: the last frame proves all before it, as after a clean close.
   * `blank`: nothing. `unknown`: something that tells nothing, or the end of a file that was cut.
   */
  readonly end: 'mark' | 'blank' | 'unknown';
}

export type DamageType =
  | 'metadata'
  | 'segment-missing'
  | 'segment-unreadable'
  | 'segment-header'
  | 'segment-size'
  | 'segment-foreign'
  | 'frames'
  | 'order'
  | 'snapshot';

export interface Damage {
  readonly type: DamageType;
  readonly file: string;
  readonly segment: number | undefined;
  readonly offset: number;
  /** How many bytes are of no use. */
  readonly bytes: number;
  /** A sentence's end: "the payload does not match its checksum". */
  readonly why: string;
  /** Frames that are missing, as far as known. */
  readonly firstSeq: number | undefined;
  readonly lastSeq: number | undefined;
  /** Entries that are missing for good: no later record replaced them. */
  readonly lost: readonly LostEntries[];
  /** Whether a vote, a truncation or another change of the log's state may have been among it. */
  readonly mayHoldState: boolean;
}

export interface LostEntries {
  readonly first: Index;
  /** `undefined` where nobody can know how many there were: to the end of the log. */
  readonly last: Index | undefined;
}

export interface Note {
  readonly file: string;
  readonly message: string;
}

/** How far a long read has come. */
export interface InspectionProgress {
  readonly bytesDone: number;
  readonly bytesTotal: number;
}

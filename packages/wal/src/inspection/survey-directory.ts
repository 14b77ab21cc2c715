// What lies in a log's directory and which log it is, whatever of it is damaged. Reads only, never throws.

import { join } from 'node:path';
import type { Vfs } from '@waldb/io';
import { type LogFile, METADATA_FILE, parseFileName, segmentFile } from '../format/file-name.js';
import { decodeMetadata, METADATA_BYTES, type Metadata, type MetadataSlot } from '../format/metadata.js';
import { FORMAT_VERSION, PAGE_BYTES } from '../format/page.js';
import { decodeSegmentHeader } from '../format/segment-header.js';
import type { DamageList } from './damage-list.js';
import type { InspectionProblem, MetadataSlotReport, Note } from './inspection.js';
import { LenientFile } from './lenient-file.js';
import type { KnownLog } from './segment-facts.js';

export interface DirectorySurvey {
  readonly slots: readonly MetadataSlotReport[];
  readonly metadata: Metadata | undefined;
  readonly log: KnownLog | undefined;
  /** Segments that belong to the log, rising. */
  readonly segmentIds: readonly number[];
  /** Runs of segments that should be there and are not. */
  readonly missing: readonly { readonly first: number; readonly last: number }[];
  readonly snapshotFiles: readonly string[];
  readonly leftovers: readonly string[];
}

/** A problem instead, where there is nothing that could be surveyed. */
export function surveyDirectory(
  vfs: Vfs,
  directory: string,
  found: { readonly damages: DamageList; readonly notes: Note[] },
): DirectorySurvey | InspectionProblem {
  const names = listNames(vfs, directory);
  if ('code' in names) return names;
  const files = names.flatMap((name) => parseFileName(name) ?? []);
  const ids = idsOf(files);
  const hasMetadata = files.some((file) => file.type === 'metadata');
  if (!hasMetadata && ids.length === 0) {
    // What a crash left of a log that was being made is nothing yet; other files may be a sign of a wrong path.
    const code = names.length === files.length ? 'NOT_FOUND' : 'NOT_A_LOG';
    return { code, message: `${directory} holds no log.` };
  }
  const slots = hasMetadata ? readSlots(vfs, directory) : [];
  if ('code' in slots) return slots;
  const newer = slots.find((slot) => slot.type === 'newer');
  if (newer !== undefined) return newerVersion(METADATA_FILE, newer.version);
  const metadata = currentOf(slots);
  reportMetadata(slots, metadata, found);
  const log = metadata ?? identityOf(vfs, directory, ids);
  const firstId = metadata?.firstSegmentId ?? ids[0] ?? 1;
  const live = ids.filter((id) => id >= firstId);
  return {
    slots: slots.map((slot, i) => describeSlot(slot, i, metadata)),
    metadata,
    log: log && { logId: log.logId, kind: log.kind },
    segmentIds: live,
    missing: missingRuns(live, firstId, Math.max(metadata?.lastSegmentId ?? 0, live.at(-1) ?? 0)),
    snapshotFiles: files.flatMap((file) => (file.type === 'snapshot' ? [file.name] : [])),
    leftovers: [
      ...files.flatMap((file) => (isLeftover(file) ? [file.name] : [])),
      ...ids.filter((id) => id < firstId).map(segmentFile),
    ],
  };
}

export function newerVersion(file: string, version: number): InspectionProblem {
  const message = `${file} was written by version ${version} of the format; this program knows versions up to ${FORMAT_VERSION}.`;
  return { code: 'NEWER_VERSION', message };
}

/** What the system says, in our words where it is one of the usual reasons. */
export function systemProblem(path: string, error: unknown): InspectionProblem {
  const code = (error as NodeJS.ErrnoException | undefined)?.code; // reading a property of whatever was thrown
  switch (code) {
    case 'ENOENT':
      return { code: 'NOT_FOUND', message: `${path} does not exist.` };
    case 'ENOTDIR':
      return { code: 'NOT_A_DIRECTORY', message: `${path} is not a directory.` };
    case 'EACCES':
    case 'EPERM':
      return { code: 'NO_PERMISSION', message: `${path} may not be read by this user.` };
    default: {
      const why = error instanceof Error ? error.message : String(error);
      return { code: 'UNREADABLE', message: `${path} cannot be read: ${why}.` };
    }
  }
}

function listNames(vfs: Vfs, directory: string): string[] | InspectionProblem {
  try {
    return vfs.list(directory);
  } catch (error) {
    return systemProblem(directory, error);
  }
}

function idsOf(files: readonly LogFile[]): number[] {
  return files.flatMap((file) => (file.type === 'segment' ? [file.segmentId] : [])).sort((a, b) => a - b);
}

/** METADATA that may not be opened says nothing of the log's state; one that is damaged does. */
function readSlots(vfs: Vfs, directory: string): MetadataSlot[] | InspectionProblem {
  const path = join(directory, METADATA_FILE);
  let file: LenientFile;
  try {
    file = new LenientFile(vfs, path);
  } catch (error) {
    return systemProblem(path, error);
  }
  try {
    return [0, PAGE_BYTES].map((at) => decodeMetadata(file.atMost(at, PAGE_BYTES).slice()));
  } finally {
    file.close();
  }
}

function currentOf(slots: readonly MetadataSlot[]): Metadata | undefined {
  const valid = slots.flatMap((slot) => (slot.type === 'valid' ? [slot.metadata] : []));
  return valid.sort((a, b) => b.generation - a.generation)[0];
}

function reportMetadata(
  slots: readonly MetadataSlot[],
  current: Metadata | undefined,
  found: { readonly damages: DamageList; readonly notes: Note[] },
): void {
  const damaged = (why: string): void => {
    const bytes = slots.length === 0 ? 0 : METADATA_BYTES;
    found.damages.add({ type: 'metadata', file: METADATA_FILE, segment: undefined, offset: 0, bytes, why });
  };
  if (slots.length === 0) damaged('it is missing');
  else if (current === undefined) damaged('neither of its two slots can be read');
  for (const [i, slot] of slots.entries()) {
    if (current === undefined) continue;
    if (slot.type === 'valid' && slot.metadata.logId !== current.logId) {
      damaged('its two slots belong to different logs');
    }
    if (slot.type !== 'damaged') continue;
    const message = `Slot ${slotName(i)} ${slot.why}. The other slot is enough; this one is written anew when the log is opened.`;
    found.notes.push({ file: METADATA_FILE, message });
  }
}

function describeSlot(slot: MetadataSlot, i: number, current: Metadata | undefined): MetadataSlotReport {
  return {
    slot: slotName(i),
    state: slot.type,
    why: slot.type === 'damaged' ? slot.why : undefined,
    generation: slot.type === 'valid' ? slot.metadata.generation : undefined,
    isCurrent: slot.type === 'valid' && slot.metadata === current,
  };
}

/** What counts for nothing: never published, or waiting to become a segment. */
function isLeftover(file: LogFile): boolean {
  return file.type === 'unpublished' || file.type === 'spare';
}

function slotName(i: number): 'A' | 'B' {
  return i === 0 ? 'A' : 'B';
}

/** Without metadata: the log that most of the segments say they belong to. */
function identityOf(vfs: Vfs, directory: string, ids: readonly number[]): KnownLog | undefined {
  const votes = new Map<string, { readonly log: KnownLog; count: number }>();
  for (const id of ids) {
    const log = readIdentity(vfs, join(directory, segmentFile(id)));
    if (log === undefined) continue;
    const vote = votes.get(`${log.kind} ${log.logId}`) ?? { log, count: 0 };
    vote.count += 1;
    votes.set(`${log.kind} ${log.logId}`, vote);
  }
  return [...votes.values()].sort((a, b) => b.count - a.count)[0]?.log;
}

function readIdentity(vfs: Vfs, path: string): KnownLog | undefined {
  try {
    const file = new LenientFile(vfs, path);
    try {
      const page = decodeSegmentHeader(file.atMost(0, PAGE_BYTES).slice());
      return page.type === 'valid' ? page.header : undefined;
    } finally {
      file.close();
    }
  } catch {
    return undefined; // that it cannot be opened is told where it is read
  }
}

function missingRuns(ids: readonly number[], firstId: number, lastId: number): DirectorySurvey['missing'] {
  const runs: { first: number; last: number }[] = [];
  let expected = firstId;
  for (const id of ids) {
    if (id > expected) runs.push({ first: expected, last: id - 1 });
    expected = id + 1;
  }
  if (lastId >= expected) runs.push({ first: expected, last: lastId });
  return runs;
}

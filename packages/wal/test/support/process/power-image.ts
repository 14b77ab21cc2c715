// A copy of a log's directory as it might be after a loss of power at the moment its process was killed: what was not
// synced by then is there, or is not, sector by sector, in an earlier state, as zeros or as anything; names that were not
// synced are undone from some point on. The rules are those of docs/durability.md, "Assumptions".

import * as fs from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { SECTOR_BYTES, type SeededRandom } from '@waldb/testkit';
import type { JournalLine } from './journal-vfs.js';

type Write = Extract<JournalLine, { op: 'write' }>;
type NameChange = Extract<JournalLine, { op: 'create' | 'rename' | 'unlink' }>;

export interface PowerImage {
  /** Sectors and names that were not synced. */
  readonly atRisk: number;
  /** Sectors and names that differ from what the process had last seen. */
  readonly lost: number;
}

/**
 * Writes the image of `directory`, with all that lies below it, to `target`, a new directory. `journal` holds what a
 * JournalVfs wrote, or the library of test/support/faulty-disk.
 */
export function makePowerImage(
  places: { readonly directory: string; readonly journal: string; readonly target: string },
  random: SeededRandom,
): PowerImage {
  return imageOf(places.directory, places.target, readJournal(places.journal), random);
}

function imageOf(directory: string, target: string, journal: Journal, random: SeededRandom): PowerImage {
  const names = namesIn(directory);
  let { atRisk, lost } = undoNames(names, journal, directory, random);
  fs.mkdirSync(target);
  for (const [name, path] of names) {
    const place = join(target, name);
    const isDirectory = fs.statSync(path).isDirectory();
    const image = isDirectory
      ? imageOf(path, place, journal, random)
      : writeSurvivor(path, place, journal, random);
    atRisk += image.atRisk;
    lost += image.lost;
  }
  return { atRisk, lost };
}

/** The lines in order, and what became of each change. */
class Journal {
  readonly lines: readonly JournalLine[];
  /** Where a change was over; one that was cut off by the end of its process, where the next one began. */
  readonly #overAt = new Map<number, number>();
  readonly #ended = new Set<number>();
  readonly #failed = new Set<number>();
  /** Syncs by what they are for, with where each began. */
  readonly #syncs = new Map<string, { readonly id: number; readonly at: number }[]>();

  constructor(lines: readonly JournalLine[]) {
    this.lines = lines;
    const underWay = new Set<number>();
    for (const [at, line] of lines.entries()) this.#take(line, at, underWay);
  }

  /** Whether the first sync of the file that began after the write was over, and was not cut off itself, succeeded. */
  areBytesSynced(write: Write): boolean {
    const settled = this.#syncsAfter(write, String(write.inode))[0];
    return settled !== undefined && this.#ended.has(settled);
  }

  /**
   * Whether any later sync of the directory succeeded. Names reach the disk in order: what makes a later one durable does
   * not leave out one that an earlier, failed sync was for.
   */
  isNameSynced(change: NameChange, directory: string): boolean {
    return this.#syncsAfter(change, directory).some((id) => this.#ended.has(id));
  }

  hasEnded(line: JournalLine): boolean {
    return this.#ended.has(line.id);
  }

  hasFailed(line: JournalLine): boolean {
    return this.#failed.has(line.id);
  }

  /** Those that began when the change was over, and came to an end themselves. */
  #syncsAfter(change: JournalLine, subject: string): readonly number[] {
    const over = this.#overAt.get(change.id);
    if (over === undefined || this.#failed.has(change.id)) return [];
    const later = (this.#syncs.get(subject) ?? []).filter(({ at }) => at > over);
    return later.map(({ id }) => id).filter((id) => this.#ended.has(id) || this.#failed.has(id));
  }

  #take(line: JournalLine, at: number, underWay: Set<number>): void {
    const over = line.op === 'life' ? [...underWay] : [line.id];
    if (line.op === 'end' || line.op === 'failed' || line.op === 'life') {
      for (const id of over) {
        this.#overAt.set(id, at);
        underWay.delete(id);
      }
      if (line.op === 'end') this.#ended.add(line.id);
      if (line.op === 'failed') this.#failed.add(line.id);
      return;
    }
    underWay.add(line.id);
    const subject =
      line.op === 'sync' ? String(line.inode) : line.op === 'syncDirectory' ? line.path : undefined;
    if (subject === undefined) return;
    const syncs = this.#syncs.get(subject) ?? [];
    syncs.push({ id: line.id, at });
    this.#syncs.set(subject, syncs);
  }
}

function readJournal(path: string): Journal {
  const text = fs.readFileSync(path, 'utf8');
  // A kill may have cut a line; the change that it tells of had not begun.
  const whole = text.split('\n').filter((line) => line.endsWith('}'));
  return new Journal(whole.map((line) => JSON.parse(line) as JournalLine)); // written by ourselves
}

/** Files and directories: name to where the contents are. */
function namesIn(directory: string): Map<string, string> {
  const found = fs.readdirSync(directory).filter((name) => name !== 'LOCK');
  return new Map(found.map((name) => [name, join(directory, name)]));
}

/** Changes of names reach the disk in order: those from some point on do not. */
function undoNames(
  names: Map<string, string>,
  journal: Journal,
  directory: string,
  random: SeededRandom,
): PowerImage {
  const isHere = (path: string): boolean => dirname(path) === directory && basename(path) !== 'LOCK';
  const open = journal.lines.filter(
    (line): line is NameChange =>
      (line.op === 'create' || line.op === 'rename' || line.op === 'unlink') &&
      isHere(line.op === 'rename' ? line.to : line.path) &&
      !journal.hasFailed(line) &&
      !journal.isNameSynced(line, directory),
  );
  const undone = open.slice(random.below(open.length + 1)).reverse();
  for (const change of undone) undo(names, change);
  return { atRisk: open.length, lost: undone.length };
}

/** A change that had begun and was never made is left as it is. */
function undo(names: Map<string, string>, change: NameChange): void {
  if (change.op === 'create') {
    names.delete(basename(change.path));
  } else if (change.op === 'unlink') {
    const name = basename(change.path);
    if (!names.has(name)) names.set(name, change.keptAs);
  } else {
    const [from, to] = [basename(change.from), basename(change.to)];
    const contents = names.get(to);
    if (contents === undefined || names.has(from)) return;
    names.set(from, contents);
    if (change.replaced === undefined) names.delete(to);
    else names.set(to, change.replaced);
  }
}

function writeSurvivor(path: string, place: string, journal: Journal, random: SeededRandom): PowerImage {
  const { ino: inode } = fs.statSync(path);
  const content = new Uint8Array(fs.readFileSync(path));
  const writes = journal.lines.filter((line): line is Write => line.op === 'write' && line.inode === inode);
  /** 1 for each byte that a loss of power may take, and what was there before. */
  const mask = new Uint8Array(content.length);
  const before = content.slice();
  let durableSize = writes[0]?.sizeBefore ?? content.length;
  for (const write of writes) {
    const { position } = write;
    const end = Math.min(position + write.length, content.length);
    if ((write.isDurable && journal.hasEnded(write)) || journal.areBytesSynced(write)) {
      mask.fill(0, position, end);
      durableSize = Math.max(durableSize, position + write.length);
      continue;
    }
    const replaced = Buffer.from(write.before, 'base64');
    for (let at = position; at < end; at++) {
      if (mask[at] === 0) before[at] = replaced[at - position] ?? 0;
      mask[at] = 1;
    }
  }
  const { atRisk, lost } = loseSectors(content, { mask, before }, random);
  const isCut = durableSize < content.length && random.chance(0.5);
  fs.writeFileSync(place, isCut ? content.subarray(0, durableSize) : content);
  return { atRisk, lost: lost + Number(isCut) };
}

function loseSectors(
  content: Uint8Array,
  { mask, before }: { readonly mask: Uint8Array; readonly before: Uint8Array },
  random: SeededRandom,
): PowerImage {
  let atRisk = 0;
  let lost = 0;
  for (let start = 0; start < content.length; start += SECTOR_BYTES) {
    const end = Math.min(start + SECTOR_BYTES, content.length);
    if (!mask.subarray(start, end).includes(1)) continue;
    atRisk += 1;
    const fate = random.below(5);
    if (fate < 2) continue;
    lost += 1;
    for (let at = start; at < end; at++) {
      if (mask[at] === 0) continue;
      content[at] = fate === 2 ? (before[at] ?? 0) : fate === 3 ? 0 : random.below(256);
    }
  }
  return { atRisk, lost };
}

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

/** Writes the image of `directory` to `target`, a new directory. `journal` holds what a JournalVfs wrote. */
export function makePowerImage(
  places: { readonly directory: string; readonly journal: string; readonly target: string },
  random: SeededRandom,
): PowerImage {
  const journal = readJournal(places.journal);
  const names = namesIn(places.directory);
  let { atRisk, lost } = undoNames(names, journal, places.directory, random);
  fs.mkdirSync(places.target);
  for (const [name, path] of names) {
    const image = survivorOf(path, journal, random);
    atRisk += image.atRisk;
    lost += image.lost;
    fs.writeFileSync(join(places.target, name), image.bytes);
  }
  return { atRisk, lost };
}

/** The lines in order, and when each change ended. */
class Journal {
  readonly lines: readonly JournalLine[];
  readonly #endOf = new Map<number, number>();

  constructor(lines: readonly JournalLine[]) {
    this.lines = lines;
    for (const [at, line] of lines.entries()) if (line.op === 'end') this.#endOf.set(line.id, at);
  }

  /** Whether a sync that matches began after the change had ended, and has ended itself. */
  isSynced(change: JournalLine, matches: (sync: JournalLine) => boolean): boolean {
    const ended = this.#endOf.get(change.id);
    if (ended === undefined) return false;
    return this.lines.some((line, at) => at > ended && matches(line) && this.hasEnded(line));
  }

  hasEnded(line: JournalLine): boolean {
    return this.#endOf.has(line.id);
  }
}

function readJournal(path: string): Journal {
  const text = fs.readFileSync(path, 'utf8');
  // The kill may have cut the last line; the change that it tells of had not begun.
  const whole = text
    .slice(0, text.lastIndexOf('\n') + 1)
    .split('\n')
    .filter((line) => line !== '');
  return new Journal(whole.map((line) => JSON.parse(line) as JournalLine)); // written by JournalVfs
}

/** The log's files: name to where the contents are. */
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
  const isSync = (line: JournalLine): boolean => line.op === 'syncDirectory' && line.path === directory;
  const open = journal.lines.filter(
    (line): line is NameChange =>
      (line.op === 'create' || line.op === 'rename' || line.op === 'unlink') &&
      isHere(line.op === 'rename' ? line.to : line.path) &&
      !journal.isSynced(line, isSync),
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
    names.delete(to);
    names.set(from, contents);
  }
}

function survivorOf(
  path: string,
  journal: Journal,
  random: SeededRandom,
): PowerImage & { readonly bytes: Uint8Array } {
  const { ino: inode } = fs.statSync(path);
  const content = new Uint8Array(fs.readFileSync(path));
  const writes = journal.lines.filter((line): line is Write => line.op === 'write' && line.inode === inode);
  const isSync = (line: JournalLine): boolean => line.op === 'sync' && line.inode === inode;
  /** 1 for each byte that a loss of power may take, and what was there before. */
  const mask = new Uint8Array(content.length);
  const before = content.slice();
  let durableSize = writes[0]?.sizeBefore ?? content.length;
  for (const write of writes) {
    const { position } = write;
    const end = Math.min(position + write.length, content.length);
    if ((write.isDurable && journal.hasEnded(write)) || journal.isSynced(write, isSync)) {
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
  return { bytes: isCut ? content.subarray(0, durableSize) : content, atRisk, lost: lost + Number(isCut) };
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

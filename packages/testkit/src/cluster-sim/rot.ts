// Damage to a disk: a bit that flips, a sector that was written to the wrong place. Only where something written later
// proves what was there: damage to the very last durable frame of a log cannot be told from a write that never finished
// (docs/durability.md, "What remains undetectable"), so that would be a loss that nobody could notice. The newest part of a
// log is damaged only frame by frame, where a proof was found (proven-frames.ts).

import type { SimulatedDisk } from '../fault-vfs/simulated-disk.js';
import { SECTOR_BYTES } from '../fault-vfs/simulated-file.js';
import { SeededRandom } from '../sim/seeded-random.js';
import { FRAME_HEADER_BYTES, type ProvenFrame, provenFrames } from './proven-frames.js';

const LOG_SEGMENT = /\/log\/[0-9a-f]{16}\.wal$/;
/** The tail, and the one before it, whose successor may not be durable itself yet. */
const NEWEST_SEGMENTS_SPARED = 2;

/** Returns the file that was damaged; undefined where there is nothing to damage. */
export function flipBit(disk: SimulatedDisk, random: SeededRandom): string | undefined {
  const path = choose(disk, random);
  if (path === undefined) return undefined;
  flipBitAt(disk, path, random.below(disk.file(path).size), random);
  return path;
}

/**
 * A bit flips in a frame of the newest segments that is proven to be durable: in the records, as a rule. Returns the frame's
 * place, and what proves it.
 */
export function rotProvenFrame(
  disk: SimulatedDisk,
  random: SeededRandom,
  suits: (frame: ProvenFrame) => boolean = () => true,
): string | undefined {
  const frame = chooseProven(disk, random, suits);
  if (frame === undefined) return undefined;
  const { path, offset, bytes, proofs } = frame;
  const isHeader = bytes === FRAME_HEADER_BYTES || random.chance(0.2);
  const at = isHeader ? random.below(FRAME_HEADER_BYTES) : random.between(FRAME_HEADER_BYTES, bytes - 1);
  flipBitAt(disk, path, offset + at, random);
  return `${path} at ${offset}, proven by ${proofs.join(', ')}`;
}

/** A sector of some file lands in another place, over what was there. */
export function misdirectSector(disk: SimulatedDisk, random: SeededRandom): string | undefined {
  const path = choose(disk, random);
  const source = random.pick(disk.files().filter((other) => (disk.size(other) ?? 0) > 0));
  if (path === undefined) return undefined;
  const file = disk.file(path);
  const sector = new Uint8Array(SECTOR_BYTES);
  const from = disk.file(source);
  from.read(sector, random.below(Math.ceil(from.size / SECTOR_BYTES)) * SECTOR_BYTES);
  file.rot(sector, random.below(Math.ceil(file.size / SECTOR_BYTES)) * SECTOR_BYTES);
  return path;
}

function flipBitAt(disk: SimulatedDisk, path: string, position: number, random: SeededRandom): void {
  const file = disk.file(path);
  const byte = new Uint8Array(1);
  file.read(byte, position);
  byte[0] = (byte[0] ?? 0) ^ (1 << random.below(8));
  file.rot(byte, position);
}

/**
 * Whether a frame hangs on the metadata alone, and more than the metadata says itself would go with it: of snapshots and
 * compactions it repeats the records.
 */
export function isProvenByMetadataAlone({ proofs, entries }: ProvenFrame): boolean {
  return entries > 0 && proofs.every((proof) => proof === 'metadata');
}

/** All ways in which a frame can be proven are as likely, or the commonest would be nearly all that is ever asked for. */
function chooseProven(
  disk: SimulatedDisk,
  random: SeededRandom,
  suits: (frame: ProvenFrame) => boolean,
): (ProvenFrame & { readonly path: string }) | undefined {
  const [directory] = disk.files().flatMap((path) => (LOG_SEGMENT.test(path) ? [folderOf(path)] : []));
  if (directory === undefined) return undefined;
  const durable = disk.afterCrash('nothing', new SeededRandom(0)); // nothing is left to chance then
  if (!durable.isDirectory(directory)) return undefined;
  const wayOf = ({ proofs }: ProvenFrame): string => proofs.join();
  const frames = provenFrames(
    disk.contents(directory),
    durable.contents(directory),
    NEWEST_SEGMENTS_SPARED,
  ).filter(suits);
  if (frames.length === 0) return undefined;
  const way = random.pick([...new Set(frames.map(wayOf))]);
  const frame = random.pick(frames.filter((one) => wayOf(one) === way));
  return { ...frame, path: `${directory}/${frame.file}` };
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'));
}

function choose(disk: SimulatedDisk, random: SeededRandom): string | undefined {
  const files = disk.files().filter((path) => (disk.size(path) ?? 0) > 0);
  const segments = files.filter((path) => LOG_SEGMENT.test(path));
  const others = files.filter(
    (path) => !path.includes('/log/') && !path.endsWith('.tmp') && !path.endsWith('LOCK'),
  );
  const choices = [...segments.slice(0, -NEWEST_SEGMENTS_SPARED), ...others];
  return choices.length === 0 ? undefined : random.pick(choices);
}

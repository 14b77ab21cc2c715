// Damage to a disk: a bit that flips, a sector that was written to the wrong place. Only where something written later
// proves what was there: damage to the very last durable frame of a log cannot be told from a write that never finished
// (docs/durability.md, "What remains undetectable"), so that would be a loss that nobody could notice.

import type { SimulatedDisk } from '../fault-vfs/simulated-disk.js';
import { SECTOR_BYTES } from '../fault-vfs/simulated-file.js';
import type { SeededRandom } from '../sim/seeded-random.js';

const LOG_SEGMENT = /\/log\/[0-9a-f]{16}\.wal$/;
/** The tail, and the one before it, whose successor may not be durable itself yet. */
const NEWEST_SEGMENTS_SPARED = 2;

/** Returns the file that was damaged; undefined where there is nothing to damage. */
export function flipBit(disk: SimulatedDisk, random: SeededRandom): string | undefined {
  const path = choose(disk, random);
  if (path === undefined) return undefined;
  const file = disk.file(path);
  const position = random.below(file.size);
  const byte = new Uint8Array(1);
  file.read(byte, position);
  byte[0] = (byte[0] ?? 0) ^ (1 << random.below(8));
  file.rot(byte, position);
  return path;
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

function choose(disk: SimulatedDisk, random: SeededRandom): string | undefined {
  const files = disk.files().filter((path) => (disk.size(path) ?? 0) > 0);
  const segments = files.filter((path) => LOG_SEGMENT.test(path));
  const others = files.filter(
    (path) => !path.includes('/log/') && !path.endsWith('.tmp') && !path.endsWith('LOCK'),
  );
  const choices = [...segments.slice(0, -NEWEST_SEGMENTS_SPARED), ...others];
  return choices.length === 0 ? undefined : random.pick(choices);
}

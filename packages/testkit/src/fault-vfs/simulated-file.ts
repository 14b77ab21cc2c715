// The contents of one file on the simulated disk: what programs see, and apart from it what would still be there after
// a loss of power. Between the two are sectors with bytes that were written and not synced.

import type { SeededRandom } from '../sim/seeded-random.js';

export const SECTOR_BYTES = 512;

/** A sector that holds bytes which are not durable. */
interface DirtySector {
  /** What the sector was between writes: the system may have sent any of these to the disk. */
  readonly versions: Uint8Array[];
  /** 1 for each byte that is not durable. A lost write changes no other byte (docs/durability.md, "Assumptions"). */
  readonly mask: Uint8Array;
}

/** Sectors that nobody needs any more: runs write millions, and memory outside of the heap is dear. */
const SPARE_SECTORS_MAX = 4_096;
const spareSectors: Uint8Array[] = [];

/** How much of what is not durable survives a crash. `any` decides sector by sector. */
export type Survival = 'nothing' | 'everything' | 'any';

export class SimulatedFile {
  #content: Uint8Array;
  #size: number;
  #durable: Uint8Array;
  #durableSize: number;
  readonly #dirty = new Map<number, DirtySector>();

  /** A file with these bytes, all of them durable. */
  constructor(bytes: Uint8Array = new Uint8Array(0)) {
    this.#content = bytes.slice();
    this.#durable = bytes.slice();
    this.#size = bytes.length;
    this.#durableSize = bytes.length;
  }

  get size(): number {
    return this.#size;
  }

  bytes(): Uint8Array {
    return this.#content.slice(0, this.#size);
  }

  read(target: Uint8Array, position: number): number {
    const count = Math.max(0, Math.min(target.length, this.#size - position));
    target.set(this.#content.subarray(position, position + count), 0);
    return count;
  }

  write(bytes: Uint8Array, position: number): void {
    if (bytes.length === 0) return;
    const end = position + bytes.length;
    this.#content = grown(this.#content, end);
    this.#size = Math.max(this.#size, end);
    for (let sector = Math.floor(position / SECTOR_BYTES); sector * SECTOR_BYTES < end; sector++) {
      this.#markDirty(sector, position, end);
    }
    this.#content.set(bytes, position);
  }

  /**
   * As when a write to an O_DSYNC file returns: these bytes, which were written, are durable; others that are not stay so.
   */
  makeDurable(bytes: Uint8Array, position: number): void {
    const end = position + bytes.length;
    this.#durable = grown(this.#durable, end);
    this.#durable.set(bytes, position);
    this.#durableSize = Math.max(this.#durableSize, end);
    for (const [sector, dirty] of this.#dirty) {
      const start = sector * SECTOR_BYTES;
      if (start >= end || start + SECTOR_BYTES <= position) continue;
      dirty.mask.fill(0, Math.max(position - start, 0), Math.min(end - start, SECTOR_BYTES));
      if (dirty.mask.includes(1)) continue;
      this.#dirty.delete(sector);
      giveBack(dirty);
    }
  }

  truncate(length: number): void {
    this.#content = grown(this.#content, length);
    this.#content.fill(0, length);
    this.#size = length;
  }

  sync(): void {
    this.#durable = grown(this.#durable, this.#size);
    for (const [sector, { mask }] of this.#dirty) {
      const start = sector * SECTOR_BYTES;
      copyMasked(this.#content.subarray(start, this.#size), this.#durable, start, mask);
    }
    this.#durableSize = this.#size;
    this.#forgetDirty();
  }

  /**
   * As Linux does after a failed sync: the pages are called clean and will not be written, and still every read shows
   * them. A later sync succeeds and changes nothing.
   */
  failSync(): void {
    this.#forgetDirty();
  }

  /** Bytes change on the disk and in memory, behind everybody's back: durable, and not by any write. */
  rot(bytes: Uint8Array, position: number): void {
    this.#content.set(bytes.subarray(0, Math.max(0, this.#size - position)), position);
    this.#durable.set(bytes.subarray(0, Math.max(0, this.#durableSize - position)), position);
  }

  get hasUnsynced(): boolean {
    return this.#dirty.size > 0 || this.#size !== this.#durableSize;
  }

  /** The bytes that a loss of power leaves. */
  afterCrash(survival: Survival, random: SeededRandom): Uint8Array {
    const keepsSize = survival === 'everything' || (survival === 'any' && random.chance(0.5));
    const size = keepsSize ? Math.max(this.#size, this.#durableSize) : this.#durableSize;
    const image = new Uint8Array(Math.max(size, this.#durable.length));
    image.set(this.#durable);
    for (const [sector, dirty] of this.#dirty) {
      const start = sector * SECTOR_BYTES;
      const source = this.#sectorAfterCrash(sector, dirty, survival, random);
      if (source === undefined) continue;
      copyMasked(source.subarray(0, Math.max(0, size - start)), image, start, dirty.mask);
    }
    return image.slice(0, size);
  }

  #sectorAfterCrash(
    sector: number,
    dirty: DirtySector,
    survival: Survival,
    random: SeededRandom,
  ): Uint8Array | undefined {
    const start = sector * SECTOR_BYTES;
    const newest = this.#content.subarray(start, start + SECTOR_BYTES);
    if (survival === 'nothing') return undefined;
    if (survival === 'everything') return newest;
    switch (random.below(6)) {
      case 0:
      case 1:
        return undefined;
      case 2:
        return random.pick(dirty.versions);
      case 3:
        return new Uint8Array(SECTOR_BYTES);
      case 4:
        return Uint8Array.from({ length: SECTOR_BYTES }, () => random.below(256));
      default:
        return newest;
    }
  }

  /** Before the write: the sector as it is now becomes one of its versions. */
  #markDirty(sector: number, position: number, end: number): void {
    const start = sector * SECTOR_BYTES;
    const before = takeSector();
    const held = this.#content.subarray(start, start + SECTOR_BYTES);
    before.set(held);
    before.fill(0, held.length);
    let dirty = this.#dirty.get(sector);
    if (dirty === undefined) {
      dirty = { versions: [], mask: takeSector().fill(0) };
      this.#dirty.set(sector, dirty);
    }
    dirty.versions.push(before);
    dirty.mask.fill(1, Math.max(0, position - start), Math.min(SECTOR_BYTES, end - start));
  }

  #forgetDirty(): void {
    for (const dirty of this.#dirty.values()) giveBack(dirty);
    this.#dirty.clear();
  }
}

/** A sector with anything in it. */
function takeSector(): Uint8Array {
  return spareSectors.pop() ?? new Uint8Array(SECTOR_BYTES);
}

function giveBack({ versions, mask }: DirtySector): void {
  if (spareSectors.length < SPARE_SECTORS_MAX) spareSectors.push(mask, ...versions);
}

/** Copies one sector's bytes where the mask says so. `source` may be shorter than a sector. */
function copyMasked(source: Uint8Array, target: Uint8Array, start: number, mask: Uint8Array): void {
  const length = Math.min(SECTOR_BYTES, source.length);
  if (length === 0) return;
  if (!mask.includes(0)) target.set(source.subarray(0, length), start);
  else for (let i = 0; i < length; i++) if (mask[i] === 1) target[start + i] = source[i] ?? 0;
}

function grown(bytes: Uint8Array, length: number): Uint8Array {
  if (bytes.length >= length) return bytes;
  const larger = new Uint8Array(length);
  larger.set(bytes);
  return larger;
}

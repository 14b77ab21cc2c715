// What may happen to the files of a log behind its back: blind damage, which no checksum approves of, and forgeries,
// which carry right checksums over wrong contents: what a bug of another program, or of a later version, could write.

import { checksum } from '@waldb/io';
import type { SeededRandom } from '@waldb/testkit';
import { viewOf } from '../../src/format/little-endian.js';
import { PAGE_BYTES, sealPage } from '../../src/format/page.js';
import { decodeSegmentHeader, segmentSeed } from '../../src/format/segment-header.js';
import { framesOf, resealFrame } from './frames-on-disk.js';

export type Files = Map<string, Uint8Array>;

/** Changes one or more files; says in words what it did. */
export type Mutation = (files: Files, random: SeededRandom) => string;

/** Which bytes of which file a blind mutation touched. */
export interface Damage {
  readonly name: string;
  readonly from: number;
  readonly to: number;
}

const ABSURD: readonly bigint[] = [
  0n,
  1n,
  255n,
  2n ** 16n,
  2n ** 31n - 1n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 32n,
  2n ** 53n - 1n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n - 1n,
];

/** Damages a stretch of one file, of any kind but its length. */
export function damageBlindly(files: Files, random: SeededRandom): Damage {
  const name = random.pick([...files.keys()].filter((key) => (files.get(key)?.length ?? 0) > 0));
  const bytes = contents(files, name);
  const from = random.below(bytes.length);
  const length = Math.min(bytes.length - from, random.pick([1, 1, 1, 2, 8, 64, 512, 4096]));
  const to = from + length;
  switch (random.below(5)) {
    case 0:
    case 1:
      for (let at = from; at < to; at++) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
      break;
    case 2:
      bytes.fill(0, from, to);
      break;
    case 3:
      for (let at = from; at < to; at++) bytes[at] = random.below(256);
      break;
    default:
      bytes.copyWithin(from, random.below(bytes.length - length + 1), undefined);
      return { name, from, to: bytes.length };
  }
  return { name, from, to };
}

/** Everything else that can happen to files. */
export const MISHAPS: readonly Mutation[] = [
  (files, random) => {
    const name = anyName(files, random);
    const bytes = contents(files, name);
    files.set(name, bytes.slice(0, random.below(bytes.length + 1)));
    return `cut ${name}`;
  },
  (files, random) => {
    const name = anyName(files, random);
    files.set(
      name,
      Uint8Array.from([...contents(files, name), ...new Array(random.between(1, 5000)).fill(0)]),
    );
    return `made ${name} longer`;
  },
  (files, random) => {
    const name = anyName(files, random);
    files.delete(name);
    return `removed ${name}`;
  },
  (files, random) => {
    const [one, other] = [anyName(files, random), anyName(files, random)];
    const [first, second] = [contents(files, one), contents(files, other)];
    files.set(one, second);
    files.set(other, first);
    return `swapped ${one} and ${other}`;
  },
  (files, random) => {
    const name = anyName(files, random);
    const copy = `${random.below(12).toString(16).padStart(16, '0')}.${random.pick(['wal', 'free', 'wal.tmp'])}`;
    files.set(copy, contents(files, name).slice());
    return `copied ${name} to ${copy}`;
  },
  (files, random) => {
    const name = anyName(files, random);
    const bytes = contents(files, name);
    const pages = Math.floor(bytes.length / PAGE_BYTES);
    if (pages < 2) return `left ${name} alone`;
    const [one, other] = [random.below(pages) * PAGE_BYTES, random.below(pages) * PAGE_BYTES];
    const page = bytes.slice(one, one + PAGE_BYTES);
    bytes.copyWithin(one, other, other + PAGE_BYTES);
    bytes.set(page, other);
    return `swapped pages ${one} and ${other} of ${name}`;
  },
  (files, random) => {
    const name = anySegment(files, random);
    const bytes = contents(files, name);
    const frames = framesOf(bytes);
    if (frames.length < 2) return `left ${name} alone`;
    const [one, other] = [random.pick(frames), random.pick(frames)];
    const frame = bytes.slice(one.offset, one.offset + one.bytes);
    bytes.copyWithin(one.offset, other.offset, other.offset + other.bytes);
    bytes.set(frame.subarray(0, bytes.length - other.offset), other.offset);
    return `swapped frames at ${one.offset} and ${other.offset} of ${name}`;
  },
];

/** Wrong contents under right checksums. */
export const FORGERIES: readonly Mutation[] = [
  (files, random) => {
    const name = random.pick([...files.keys()].filter((key) => key === 'METADATA' || key.endsWith('.wal')));
    const bytes = contents(files, name);
    const start = name === 'METADATA' ? random.below(2) * PAGE_BYTES : 0;
    const page = bytes.subarray(start, start + PAGE_BYTES);
    if (page.length < PAGE_BYTES) return `left ${name} alone`;
    const at = random.pick([8, 12, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104]);
    const value = forge(page, at, random);
    sealPage(page);
    return `forged ${name} at ${start + at}: ${value}`;
  },
  (files, random) => {
    const name = anySegment(files, random);
    const bytes = contents(files, name);
    const frames = framesOf(bytes);
    if (frames.length === 0) return `left ${name} alone`;
    const frame = random.pick(frames);
    const at = random.pick([8, 12, 16, 20, 24, 32, 40, 48, 56]);
    const value = forge(bytes, frame.offset + at, random);
    resealFrame(bytes, frame);
    return `forged the frame at ${frame.offset} of ${name}, field ${at}: ${value}`;
  },
  (files, random) => {
    const name = anySegment(files, random);
    const bytes = contents(files, name);
    const frames = framesOf(bytes).filter((frame) => frame.bytes > 64);
    if (frames.length === 0) return `left ${name} alone`;
    const frame = random.pick(frames);
    const payload = bytes.subarray(frame.offset + 64, frame.offset + frame.bytes);
    // MessagePack that promises more than there is, in place of what was there.
    const promise = random.pick([
      [0x96, 5],
      [0xdd, 0xff, 0xff, 0xff, 0xff],
      [0x94, 0, 1, 1, 0xc6, 0x7f, 0xff, 0xff, 0xff],
      [0x92, 4, 0xcf, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
      [0x93, 6, 0xcf, 0, 0x1f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
      [0x92, random.below(200), 1],
    ]);
    const at = random.chance(0.5) ? 0 : random.below(payload.length);
    payload.set(promise.slice(0, payload.length - at), at);
    resealFrame(bytes, frame);
    return `forged a record at ${frame.offset + 64 + at} of ${name}: ${promise}`;
  },
  (files, random) => {
    const name = anySegment(files, random);
    const bytes = contents(files, name);
    const page = decodeSegmentHeader(bytes.subarray(0, PAGE_BYTES));
    if (page.type !== 'valid' || bytes.length < PAGE_BYTES + 64) return `left ${name} alone`;
    const trailer = bytes.subarray(bytes.length - 64);
    const view = viewOf(trailer);
    const bodyBytes = view.getUint32(8, true);
    let what = 'trailer';
    if (random.chance(0.6) && bodyBytes > 0 && bodyBytes < bytes.length - 64) {
      const body = bytes.subarray(bytes.length - 64 - bodyBytes, bytes.length - 64);
      what = `body of ${bodyBytes}`;
      body[random.below(body.length)] = random.below(256);
      if (random.chance(0.5))
        body.set(
          [0xcf, 0, 0x0f, 0xff, 0xff, 0xff].slice(0, body.length),
          random.below(Math.max(1, body.length - 9)),
        );
      view.setUint32(4, checksum(body), true);
    } else forge(trailer, random.pick([8, 24, 32]), random);
    view.setUint32(0, checksum(trailer.subarray(4), segmentSeed(page.header)), true);
    return `forged the footer of ${name}: ${what}`;
  },
  (files, random) => {
    const name = [...files.keys()].find((key) => key.endsWith('.snapshot'));
    if (name === undefined) return 'there is no snapshot to forge';
    const bytes = contents(files, name);
    const at = random.pick([8, 12, 16, 24, 32, 40, 48]);
    const value = forge(bytes, at, random);
    if (bytes.length >= 56) viewOf(bytes).setUint32(52, checksum(bytes.subarray(0, 52)), true);
    return `forged ${name} at ${at}: ${value}`;
  },
];

function forge(bytes: Uint8Array, at: number, random: SeededRandom): bigint {
  const value = random.chance(0.8) ? random.pick(ABSURD) : BigInt(random.below(2 ** 31));
  const view = viewOf(bytes);
  if (at + 8 > bytes.length) return value; // an earlier mishap has cut the file
  if (random.chance(0.5)) view.setUint32(at, Number(value & 0xffff_ffffn), true);
  else view.setBigUint64(at, value, true);
  return value;
}

function anyName(files: Files, random: SeededRandom): string {
  return random.pick([...files.keys()]);
}

function anySegment(files: Files, random: SeededRandom): string {
  return random.pick([...files.keys()].filter((name) => name.endsWith('.wal')));
}

function contents(files: Files, name: string): Uint8Array {
  const bytes = files.get(name);
  if (bytes === undefined) throw new Error(`There is no ${name}.`);
  return bytes;
}

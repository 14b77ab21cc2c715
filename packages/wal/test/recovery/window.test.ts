// The view that scans slide over a file: the right bytes at every place, read in large pieces, and no end but the real one.

import { describe, expect, it } from 'vitest';
import { Window } from '../../src/recovery/window.js';
import { disk } from '../support/log-fixture.js';

const PIECE_BYTES = 256 * 1024;
const SIZE = 2 * PIECE_BYTES + 1000;

function make(): { readonly window: Window; readonly reads: number[] } {
  const vfs = disk();
  const bytes = Uint8Array.from({ length: SIZE }, (_, i) => (i * 7 + (i >> 8)) & 0xff);
  vfs.open('/data/file', 'create').write(bytes, 0);
  const reads: number[] = [];
  vfs.faults = ({ type, bytes: count = 0 }) => {
    if (type === 'read') reads.push(count);
    return undefined;
  };
  return { window: new Window(vfs.open('/data/file', 'read'), SIZE), reads };
}

function expected(offset: number, length: number): number[] {
  return Array.from({ length }, (_, i) => ((offset + i) * 7 + ((offset + i) >> 8)) & 0xff);
}

describe('a window', () => {
  it('shows the bytes at any place, in any order', () => {
    const { window } = make();
    for (const offset of [0, 1, 4096, PIECE_BYTES - 8, PIECE_BYTES, 64, SIZE - 16, 0, PIECE_BYTES + 3]) {
      expect([...(window.at(offset, 16) ?? [])], `at ${offset}`).toEqual(expected(offset, 16));
      expect([...window.atMost(offset, 16)], `at ${offset}`).toEqual(expected(offset, 16));
    }
  });

  it('reads a piece once and shows it as often as it is asked for', () => {
    const { window, reads } = make();
    for (let offset = 0; offset + 64 <= PIECE_BYTES; offset += 64) window.at(offset, 64);
    expect(reads).toEqual([PIECE_BYTES]);
    window.at(PIECE_BYTES - 63, 64);
    expect(reads).toEqual([PIECE_BYTES, PIECE_BYTES]);
    window.at(PIECE_BYTES - 64, 64); // before the piece
    expect(reads).toHaveLength(3);
  });

  it('reads more at once only where more is asked for, and nothing beyond the end', () => {
    const { window, reads } = make();
    expect(window.at(10, PIECE_BYTES + 5)).toHaveLength(PIECE_BYTES + 5);
    expect(window.at(SIZE - 100, 100)).toHaveLength(100);
    expect(reads).toEqual([PIECE_BYTES + 5, 100]);
  });

  it('has nothing beyond the end: not one byte, not a part', () => {
    const { window, reads } = make();
    expect(window.at(SIZE - 15, 16)).toBeUndefined();
    expect(window.at(SIZE, 1)).toBeUndefined();
    expect(window.at(SIZE + 5, 0)).toBeUndefined();
    expect(window.at(SIZE, 0)).toHaveLength(0);
    expect([...window.atMost(SIZE - 15, 16)]).toEqual(expected(SIZE - 15, 15));
    expect(window.atMost(SIZE, 16)).toHaveLength(0);
    expect(window.atMost(SIZE + 100, 16)).toHaveLength(0);
    expect(Math.max(...reads)).toBeLessThanOrEqual(16);
  });
});

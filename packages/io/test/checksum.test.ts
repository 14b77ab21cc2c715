import { crc32 } from 'node:zlib';
import { checksum } from '@waldb/io';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';

describe('checksum', () => {
  it('is the CRC-32 of the standard check string', () => {
    expect(checksum(new TextEncoder().encode('123456789'))).toBe(0xcbf43926);
    expect(checksum(new Uint8Array(0))).toBe(0);
  });

  it('gives the same unsigned number on both sides of the size at which the implementation changes', () => {
    for (const length of [0, 1, 7, 8, 255, 256, 257, 4096, 65_537]) {
      const bytes = Uint8Array.from({ length }, (_, i) => (i * 31 + length) & 0xff);
      expect(checksum(bytes)).toBe(crc32(bytes));
      expect(checksum(bytes)).toBeGreaterThanOrEqual(0);
    }
  });

  it('goes on from the checksum of the bytes before, wherever they are cut', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 1024 }), fc.nat(1024), (bytes, at) => {
        const cut = Math.min(at, bytes.length);
        expect(checksum(bytes.subarray(cut), checksum(bytes.subarray(0, cut)))).toBe(crc32(bytes));
      }),
    );
  });
});

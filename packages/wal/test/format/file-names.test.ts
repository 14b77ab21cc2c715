// Which names are the log's: exactly those, and nothing that merely looks like one.

import { describe, expect, it } from 'vitest';
import { parseFileName, segmentFile, snapshotFile, spareFile } from '../../src/format/file-name.js';

const A = '00000000000000ff';
const B = 'fedcba9876543210';

describe('a file name', () => {
  it('is 16 lower-case hex digits for each number', () => {
    expect([segmentFile(255), spareFile(255), snapshotFile(255, 2 ** 53 - 1)]).toEqual([
      `${A}.wal`,
      `${A}.free`,
      `${A}-001fffffffffffff.snapshot`,
    ]);
  });

  it('says what the file is', () => {
    const named: Readonly<Record<string, unknown>> = {
      LOCK: { type: 'lock' },
      METADATA: { type: 'metadata' },
      [`${A}.wal`]: { type: 'segment', segmentId: 255 },
      [`${A}.free`]: { type: 'spare', spareNumber: 255 },
      '001fffffffffffff.wal': { type: 'segment', segmentId: 2 ** 53 - 1 },
      [`${A}-${B}.snapshot`]: { type: 'snapshot' },
      'METADATA.tmp': { type: 'unpublished' },
      [`${A}.wal.tmp`]: { type: 'unpublished' },
      [`${B}.free.tmp`]: { type: 'unpublished' },
      [`${A}-${B}.snapshot.tmp`]: { type: 'unpublished' },
    };
    for (const [name, facts] of Object.entries(named)) {
      expect(parseFileName(name)).toEqual({ name, ...(facts as object) });
    }
  });

  it('of any other shape is somebody else’s: with more before or behind, other digits, or too many or few', () => {
    const ours = ['LOCK', 'METADATA', `${A}.wal`, `${A}.free`, `${A}-${B}.snapshot`];
    const unpublished = ['METADATA.tmp', `${A}.wal.tmp`, `${A}.free.tmp`, `${A}-${B}.snapshot.tmp`];
    for (const name of [...ours, ...unpublished]) {
      for (const other of [`x${name}`, `0${name}`, `${name}x`, `${name}.tmp2`, ` ${name}`, `${name}\n`]) {
        expect(parseFileName(other), other).toBeUndefined();
      }
      if (/[0-9]/.test(name)) {
        expect(parseFileName(name.replace('0', '')), name).toBeUndefined();
        expect(parseFileName(name.replace('0', 'g')), name).toBeUndefined();
        expect(parseFileName(name.replace('f', 'F')), name).toBeUndefined();
        expect(parseFileName(name.replace('.', '')), name).toBeUndefined();
      }
    }
    const others = [
      '',
      'LOCK.tmp',
      'lock',
      'metadata',
      `${B}.wal`, // no safe integer
      `${B}.free`,
      `${A}-${B.slice(1)}.snapshot`,
      `${A}-${B.replace('f', 'g')}.snapshot.tmp`,
      `${A}-${B.slice(1)}.snapshot.tmp`,
      `${A}-.snapshot.tmp`,
      `${A}${B}.snapshot`,
      `${A}.snapshot`,
      `${A}-${B}.wal`,
      '.tmp',
    ];
    for (const name of others) expect(parseFileName(name), name).toBeUndefined();
  });
});

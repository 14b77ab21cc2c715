// The simulated disk forgets exactly what a real one may forget.

import { createDirectory, publishFile, readFile } from '@waldb/io';
import { FaultVfs, PowerLoss, SECTOR_BYTES } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';

const lose = (vfs: FaultVfs, survival: 'nothing' | 'everything' | 'any' = 'nothing', seed = 1): FaultVfs =>
  vfs.reopen({ type: 'powerLoss', survival, seed });

function diskWith(name: string, bytes: Uint8Array): FaultVfs {
  const vfs = new FaultVfs();
  publishFile(vfs, `/${name}`, bytes);
  return vfs;
}

const zeros = new Uint8Array(4 * SECTOR_BYTES);

describe('bytes', () => {
  it('are lost without a sync and there with one', () => {
    const vfs = diskWith('a', zeros);
    const file = vfs.open('/a', 'update');
    file.write(Uint8Array.from([1]), 0);
    file.sync();
    file.write(Uint8Array.from([2]), 1);
    expect(vfs.contents('/').get('a')?.subarray(0, 2)).toEqual(Uint8Array.from([1, 2]));
    expect(lose(vfs).contents('/').get('a')?.subarray(0, 2)).toEqual(Uint8Array.from([1, 0]));
    expect(lose(vfs, 'everything').contents('/').get('a')?.subarray(0, 2)).toEqual(Uint8Array.from([1, 2]));
  });

  it('in any part of what was not synced, old, new, zero or garbage; bytes beside them never change', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const vfs = diskWith('a', zeros.slice().fill(7));
      vfs.open('/a', 'update').write(new Uint8Array(2 * SECTOR_BYTES).fill(9), 100);
      const bytes = lose(vfs, 'any', seed).contents('/').get('a') ?? zeros;
      expect(bytes.subarray(0, 100).every((byte) => byte === 7)).toBe(true);
      expect(bytes.subarray(100 + 2 * SECTOR_BYTES).every((byte) => byte === 7)).toBe(true);
      const kind = (at: number): string => ({ 7: 'old', 9: 'new', 0: 'zero' })[bytes[at] ?? -1] ?? 'garbage';
      seen.add(`${kind(200)} ${kind(SECTOR_BYTES + 200)}`);
    }
    for (const mix of ['old new', 'new old', 'zero new', 'old garbage', 'new new', 'old old'])
      expect(seen).toContain(mix);
  });

  it('written to a durable file are there, and only those', () => {
    const vfs = diskWith('a', zeros);
    vfs.open('/a', 'update').write(Uint8Array.from([1]), 0);
    vfs.open('/a', 'update', { durable: true }).write(Uint8Array.from([2]), 1);
    expect(lose(vfs).contents('/').get('a')?.subarray(0, 2)).toEqual(Uint8Array.from([0, 2]));
  });

  it('a size that was not synced is lost', () => {
    const vfs = diskWith('a', new Uint8Array(10));
    vfs.open('/a', 'update').write(new Uint8Array(100), 0);
    expect(lose(vfs).size('/a')).toBe(10);
    expect(vfs.size('/a')).toBe(100);
  });

  it('after a lost sync every read shows them and no later sync brings them to the disk', () => {
    const vfs = diskWith('a', zeros);
    const file = vfs.open('/a', 'update');
    file.write(Uint8Array.from([5]), 0);
    vfs.faults = () => ({ type: 'lostSync', code: 'EIO' });
    expect(() => file.sync()).toThrow(expect.objectContaining({ code: 'EIO' }));
    vfs.faults = undefined;
    file.sync();
    const next = vfs.reopen({ type: 'killed' });
    expect(next.contents('/').get('a')?.[0]).toBe(5);
  });
});

describe('a lost sync', () => {
  it('is lost for good when the power goes, although the next sync succeeded', () => {
    const vfs = diskWith('a', zeros);
    const file = vfs.open('/a', 'update');
    file.write(Uint8Array.from([5]), 0);
    vfs.faults = () => ({ type: 'lostSync', code: 'EIO' });
    expect(() => file.sync()).toThrow();
    vfs.faults = undefined;
    file.sync();
    expect(lose(vfs, 'everything').contents('/').get('a')?.[0]).toBe(0);
  });
});

describe('a crash', () => {
  it('can be looked at again and again: each image starts from what was durable', () => {
    const vfs = diskWith('a', zeros);
    vfs.open('/a', 'update').write(Uint8Array.from([1]), 0);
    expect(lose(vfs, 'everything').contents('/').get('a')?.[0]).toBe(1);
    expect(lose(vfs, 'nothing').contents('/').get('a')?.[0]).toBe(0);
    lose(vfs, 'everything')
      .open('/a', 'update', { durable: true })
      .write(Uint8Array.from([9]), 0);
    expect(vfs.contents('/').get('a')?.[0]).toBe(1);
  });
});

describe('names', () => {
  it('are lost until their directory is synced, and a rename is lost whole', () => {
    const vfs = new FaultVfs();
    vfs.open('/a', 'create').sync();
    expect(lose(vfs).list('/')).toEqual([]);
    vfs.syncDirectory('/');
    expect(lose(vfs).list('/')).toEqual(['a']);
    vfs.rename('/a', '/b');
    expect(lose(vfs).list('/')).toEqual(['a']);
    for (let seed = 0; seed < 20; seed++) expect(lose(vfs, 'any', seed).list('/')).toHaveLength(1);
    vfs.unlink('/b');
    vfs.syncDirectory('/');
    expect(lose(vfs).list('/')).toEqual([]);
  });

  it('a directory that was not synced into its parent is gone with all it holds', () => {
    const vfs = new FaultVfs();
    vfs.mkdir('/d');
    vfs.open('/d/a', 'create').sync();
    vfs.syncDirectory('/d');
    expect(lose(vfs).isDirectory('/d')).toBe(false);
    createDirectory(vfs, '/d/e');
    expect(lose(vfs).isDirectory('/d/e')).toBe(true);
    expect(lose(vfs).list('/d')).toEqual(['a', 'e']);
  });
});

describe('faults', () => {
  it('a loss of power ends everything, and what was under way may be there', () => {
    const outcomes = new Set<number | undefined>();
    for (let seed = 0; seed < 40; seed++) {
      const vfs = diskWith('a', zeros);
      const file = vfs.open('/a', 'update', { durable: true });
      vfs.faults = () => ({ type: 'powerLoss' });
      expect(() => file.write(Uint8Array.from([1]), 0)).toThrow(PowerLoss);
      expect(() => vfs.list('/')).toThrow(PowerLoss);
      outcomes.add(lose(vfs, 'any', seed).contents('/').get('a')?.[0]);
    }
    expect(outcomes.has(0)).toBe(true);
    expect(outcomes.has(1)).toBe(true);
  });

  it('errors, short writes and short reads come where they were asked for', () => {
    const vfs = diskWith('a', zeros);
    const file = vfs.open('/a', 'update');
    vfs.faults = ({ type, number }) => {
      if (type === 'write') return { type: 'shortWrite', bytes: 2, code: 'ENOSPC' };
      return type === 'read' && number === 1 ? { type: 'shortRead', bytes: 3 } : undefined;
    };
    expect(() => file.write(Uint8Array.from([1, 2, 3]), 0)).toThrow(
      expect.objectContaining({ code: 'ENOSPC' }),
    );
    expect(file.read(new Uint8Array(10), 0)).toBe(3);
    expect(readFile(vfs, '/a', 10_000).subarray(0, 3)).toEqual(Uint8Array.from([1, 2, 0]));
  });

  it('the same seed gives the same crash and the same random bytes', () => {
    const run = (): unknown => {
      const vfs = diskWith('a', zeros);
      vfs.open('/a', 'update').write(new Uint8Array(2000).fill(3), 10);
      return [lose(vfs, 'any', 5).contents('/'), vfs.randomBytes(8)];
    };
    expect(run()).toEqual(run());
  });
});

// The file of a snapshot, field by field and check by check (docs/wal-format.md, "Snapshot files").

import { encodeConfiguration, type Snapshot } from '@waldb/core';
import { checksum } from '@waldb/io';
import { Packr, Unpackr } from 'msgpackr';
import { describe, expect, it } from 'vitest';
import { viewOf } from '../../src/format/little-endian.js';
import type { SnapshotRef } from '../../src/format/record.js';
import {
  decodeSnapshotFile,
  encodeSnapshotFile,
  readSnapshotRef,
  type SnapshotFile,
} from '../../src/format/snapshot-file.js';
import { CONFIGURATION } from '../support/log-fixture.js';

const LOG_ID = '0123456789abcdef';
const SNAPSHOT: Snapshot = {
  index: 2 ** 40 + 3,
  term: 7,
  configuration: CONFIGURATION,
  data: Uint8Array.from([1, 2, 3, 250]),
};
const { bytes: FILE, ref: REF } = encodeSnapshotFile(SNAPSHOT, LOG_ID);
const HEADER_BYTES = 56;

/** Changes the header and gives it a right checksum again. */
function resealed(change: (view: DataView) => void): Uint8Array {
  const bytes = FILE.slice();
  change(viewOf(bytes));
  viewOf(bytes).setUint32(52, checksum(bytes.subarray(0, 52)), true);
  return bytes;
}

/** A file with this payload, in which everything else is right, and what the log would say about it. */
function fileWith(payload: Uint8Array): { bytes: Uint8Array; ref: SnapshotRef } {
  const bytes = new Uint8Array(HEADER_BYTES + payload.length);
  bytes.set(FILE.subarray(0, HEADER_BYTES));
  bytes.set(payload, HEADER_BYTES);
  const view = viewOf(bytes);
  view.setBigUint64(40, BigInt(payload.length), true);
  view.setUint32(48, checksum(payload), true);
  view.setUint32(52, checksum(bytes.subarray(0, 52)), true);
  return { bytes, ref: { ...REF, fileBytes: bytes.length, payloadCrc: checksum(payload) } };
}

function why(file: SnapshotFile): string {
  return file.type === 'damaged' ? file.why : file.type;
}

describe('the file of a snapshot', () => {
  it('has every field at its place', () => {
    const view = viewOf(FILE);
    const payload = FILE.subarray(HEADER_BYTES);
    expect(new TextDecoder().decode(FILE.subarray(0, 8))).toBe('WALDBSNP');
    expect([view.getUint32(8, true), view.getUint32(12, true)]).toEqual([1, 1]);
    expect(Buffer.from(FILE.subarray(16, 24)).toString('hex')).toBe(LOG_ID);
    expect([24, 32, 40].map((at) => Number(view.getBigUint64(at, true)))).toEqual([
      2 ** 40 + 3,
      7,
      payload.length,
    ]);
    expect(view.getUint32(48, true)).toBe(checksum(payload));
    expect(view.getUint32(52, true)).toBe(checksum(FILE.subarray(0, 52)));
    expect(REF).toEqual({
      index: 2 ** 40 + 3,
      term: 7,
      fileBytes: FILE.length,
      payloadCrc: checksum(payload),
    });
    const [configuration, data] = new Unpackr().unpack(payload) as [Uint8Array, Uint8Array];
    expect([...configuration]).toEqual([...encodeConfiguration(CONFIGURATION)]);
    expect([...data]).toEqual([...SNAPSHOT.data]);
  });

  it('gives back what was put in, also nothing', () => {
    expect(decodeSnapshotFile(FILE, REF, LOG_ID)).toEqual({ type: 'valid', snapshot: SNAPSHOT });
    const empty = { ...SNAPSHOT, data: new Uint8Array(0) };
    const { bytes, ref } = encodeSnapshotFile(empty, LOG_ID);
    expect(decodeSnapshotFile(bytes, ref, LOG_ID)).toEqual({ type: 'valid', snapshot: empty });
  });

  it('W20: is damaged with any byte changed or missing', () => {
    for (let at = 0; at < FILE.length; at++) {
      const changed = FILE.slice();
      changed[at] = (changed[at] ?? 0) ^ 0x20;
      expect(decodeSnapshotFile(changed, REF, LOG_ID).type, `byte ${at}`).toBe('damaged');
      expect(decodeSnapshotFile(FILE.subarray(0, at), REF, LOG_ID).type, `${at} bytes`).toBe('damaged');
    }
    const longer = new Uint8Array([...FILE, 0]);
    expect(why(decodeSnapshotFile(longer, REF, LOG_ID))).toBe('is not the one that the log refers to');
  });

  it('says what is wrong with it, the first thing first', () => {
    const read = (bytes: Uint8Array): string => why(decodeSnapshotFile(bytes, REF, LOG_ID));
    expect(read(FILE.subarray(0, 55))).toBe('is shorter than its header');
    expect(read(FILE.subarray(0, 56))).toBe('is not the one that the log refers to');
    for (let at = 0; at < 8; at++) {
      expect(read(resealed((view) => view.setUint8(at, view.getUint8(at) ^ 1)))).toBe(
        'does not begin with WALDBSNP',
      );
    }
    expect(read(resealed((view) => view.setUint32(8, 0, true)))).toBe('has version 0');
    expect(read(resealed((view) => view.setUint32(12, 2, true)))).toBe('has an unknown checksum kind');
    const unsealed = FILE.slice();
    unsealed[52] = (unsealed[52] ?? 0) ^ 1;
    expect(read(unsealed)).toBe('has a header that does not match its checksum');
    const rotten = FILE.slice();
    rotten[60] = (rotten[60] ?? 0) ^ 1;
    expect(read(rotten)).toBe('has a payload that does not match its checksum');
  });

  it('W29: of a newer version is named, before its log id is compared', () => {
    const newer = resealed((view) => {
      view.setUint32(8, 2, true);
      view.setUint8(16, 0xff);
    });
    expect(decodeSnapshotFile(newer, REF, LOG_ID)).toEqual({ type: 'newer', version: 2 });
  });

  it('X17: of another log is named with that log', () => {
    const other = resealed((view) => view.setUint8(16, 0xff));
    expect(decodeSnapshotFile(other, REF, LOG_ID)).toEqual({ type: 'foreign', logId: 'ff23456789abcdef' });
  });

  it('counts only where it is exactly the one that the log speaks of', () => {
    const change: readonly Partial<SnapshotRef>[] = [
      { index: REF.index + 1 },
      { term: REF.term + 1 },
      { fileBytes: REF.fileBytes + 1 },
      { payloadCrc: REF.payloadCrc + 1 },
    ];
    for (const one of change) {
      expect(why(decodeSnapshotFile(FILE, { ...REF, ...one }, LOG_ID)), JSON.stringify(one)).toBe(
        'is not the one that the log refers to',
      );
    }
    const claims = resealed((view) => view.setBigUint64(40, BigInt(FILE.length - HEADER_BYTES + 1), true));
    expect(why(decodeSnapshotFile(claims, REF, LOG_ID))).toBe('is not the one that the log refers to');
  });

  it('with a payload that is not one is damaged, checksums or not', () => {
    const packr = new Packr({ useRecords: false });
    const configuration = Buffer.from(encodeConfiguration(CONFIGURATION));
    const data = Buffer.from([1]);
    const good = fileWith(packr.pack([configuration, data]));
    expect(decodeSnapshotFile(good.bytes, good.ref, LOG_ID).type).toBe('valid');
    const bad: readonly Uint8Array[] = [
      new Uint8Array(0),
      packr.pack([configuration]),
      packr.pack([configuration, data, data]),
      packr.pack([configuration, 'text']),
      packr.pack([data, data]),
      packr.pack(7),
      Buffer.concat([packr.pack([configuration, data]), data]),
    ];
    for (const payload of bad) {
      const { bytes, ref } = fileWith(payload);
      expect(why(decodeSnapshotFile(bytes, ref, LOG_ID))).toMatch(/^does not decode: /);
    }
  });

  it('tells what it is by its header alone, when that is whole', () => {
    const header = FILE.subarray(0, HEADER_BYTES);
    expect(readSnapshotRef(header, 999)).toEqual({ ...REF, fileBytes: 999 });
    expect(readSnapshotRef(header.subarray(0, 55), 999)).toBeUndefined();
    for (let at = 0; at < HEADER_BYTES; at++) {
      const changed = header.slice();
      changed[at] = (changed[at] ?? 0) ^ 4;
      expect(readSnapshotRef(changed, 999), `byte ${at}`).toBeUndefined();
    }
  });

  it('W32: is not written with a configuration that could not be read back', () => {
    const configuration = { ...CONFIGURATION, voters: [3, 2, 1] };
    expect(() => encodeSnapshotFile({ ...SNAPSHOT, configuration }, LOG_ID)).toThrow(
      expect.objectContaining({ code: 'ENCODING' }),
    );
  });
});

// What a walk through a segment reports: where it ended, why, what proves what.

import type { LogEntry } from '@waldb/core';
import { describe, expect, it } from 'vitest';
import { type SegmentScan, scanSegment } from '../../src/recovery/scan-segment.js';
import { type CraftedFrame, craft, frame, proof } from '../support/crafted-segment.js';
import { disk } from '../support/log-fixture.js';

const MAX = Number.MAX_SAFE_INTEGER;
const FREE = { provenSeq: 0, lastSeqMax: MAX };

function entry(index: number, term = 1, bytes = 5): LogEntry {
  return { index, term, kind: 'normal', command: new Uint8Array(bytes).fill(index) };
}

const HARD_STATE = { type: 'hardState', state: { term: 9, votedFor: 1 } } as const;

function scan(
  frames: readonly CraftedFrame[],
  bounds = FREE,
  damage: (bytes: Uint8Array, offsets: readonly number[]) => void = () => {},
): SegmentScan {
  const { bytes, header, offsets } = craft(frames);
  damage(bytes, offsets);
  const vfs = disk();
  vfs.open('/data/segment', 'create').write(bytes, 0);
  return scanSegment(vfs.open('/data/segment', 'read'), header, bounds);
}

const THREE = [frame(1, [HARD_STATE]), frame(2, [entry(1), entry(2)]), frame(3, [entry(3, 2)])];

describe('a scan', () => {
  it('tells proven frames from whole ones that nothing proves', () => {
    const found = scan(THREE);
    // The third frame says that the second was durable; nobody says it of the third.
    expect(found).toMatchObject({ provenSeq: 2, lastTerm: 2, strayFrames: 0 });
    expect(found.summary).toMatchObject({ lastSeq: 2, lastIndex: 2, hardState: { term: 9, votedFor: 1 } });
    expect(found.unproven.map(({ seq, effects }) => [seq, effects.firstIndex])).toEqual([[3, 3]]);
    expect(found.gap).toMatchObject({
      seq: 4,
      isBlank: true,
      why: 'no frame header matches its checksum there',
    });
    expect(scan(THREE, { provenSeq: 3, lastSeqMax: MAX }).unproven).toEqual([]);
    expect(scan([...THREE, proof(4, 3)])).toMatchObject({ provenSeq: 3, summary: { lastIndex: 3 } });
  });

  it('ends where the next segment goes on, whatever lies behind', () => {
    const found = scan([...THREE, frame(4, [entry(4)]), frame(5, [entry(5)])], {
      provenSeq: 2,
      lastSeqMax: 2,
    });
    expect(found).toMatchObject({ strayFrames: 0, provenSeq: 2, gap: { seq: 3 }, lastTerm: 1 });
    expect(found.summary).toMatchObject({ lastSeq: 2, lastIndex: 2 });
  });

  it('keeps the term of the last entries when frames without entries follow', () => {
    expect(scan([...THREE, frame(4, [HARD_STATE]), proof(5, 4)]).lastTerm).toBe(2);
    expect(scan([frame(1, [HARD_STATE])]).lastTerm).toBe(0);
  });

  it('says whether anything is where the next frame would be', () => {
    const rubbish = (at: number): SegmentScan =>
      scan(THREE, FREE, (bytes, offsets) => {
        bytes[(offsets[2] ?? 0) + 64 + 16 + at] = 1;
      });
    // The third frame's payload is 10 bytes, 16 with padding.
    expect([rubbish(0), rubbish(63)].map(({ gap }) => gap.isBlank)).toEqual([false, false]);
    expect(rubbish(64).gap.isBlank).toBe(true);
  });

  it('that reaches the end of the file finds nothing there, which is blank', () => {
    const { bytes, header, offsets } = craft(THREE);
    const end = (offsets[2] ?? 0) + 64 + 16;
    for (const segmentBytes of [end, end + 63]) {
      const vfs = disk();
      vfs.open('/data/segment', 'create').write(bytes.subarray(0, segmentBytes), 0);
      const found = scanSegment(vfs.open('/data/segment', 'read'), { ...header, segmentBytes }, FREE);
      expect(found).toMatchObject({ gap: { offset: end, seq: 4, isBlank: true }, strayFrames: 0 });
    }
  });

  it('names what is wrong with a frame, each in its own words', () => {
    const wrong = (second: CraftedFrame): SegmentScan =>
      scan([frame(1, [HARD_STATE]), second, frame(3, [entry(3)])]);
    const cases: readonly (readonly [string, CraftedFrame])[] = [
      ['frame 7 is there instead', frame(7, [entry(1)], { durableSeq: 1 })],
      ['frame 1 is there instead', frame(1, [entry(1)])],
      [
        'the frame would be longer than its segment',
        frame(2, [entry(1)], { header: { payloadBytes: 4096 } }),
      ],
      ['the payload does not match its checksum', frame(2, [entry(1)], { header: { payloadCrc: 1 } })],
      [
        'the records are not those that the header speaks of',
        frame(2, [entry(1)], { header: { recordCount: 2 } }),
      ],
      [
        'the records are not those that the header speaks of',
        frame(2, [entry(1)], { header: { entryCount: 0 } }),
      ],
      [
        'the records are not those that the header speaks of',
        frame(2, [entry(1)], { header: { firstIndex: 2 } }),
      ],
      [
        'the records are not those that the header speaks of',
        frame(2, [entry(1)], { header: { lastTerm: 2 } }),
      ],
      ['the frame has entries that do not follow each other', frame(2, [entry(1), entry(3)])],
      ['the frame has entries whose terms fall', frame(2, [entry(1, 2), entry(2, 1)])],
      [
        'the frame has a truncation or reset behind entries',
        frame(2, [entry(1), { type: 'truncate', from: 1 }]),
      ],
    ];
    for (const [why, second] of cases) {
      const found = wrong(second);
      expect(found.gap, why).toMatchObject({ seq: 2, why, isBlank: false });
      // The frame behind it is seen, and proves that there was one here.
      expect(found, why).toMatchObject({ strayFrames: 1, provenSeq: 2 });
    }
    const undecodable = { ...frame(2, [entry(1)]), payload: Uint8Array.from([0xc1]) };
    expect(wrong(undecodable).gap.why).toMatch(/^a record does not decode: /);
    const unknown = { ...frame(2, [entry(1)]), payload: Uint8Array.from([0x92, 99, 1]) };
    expect(wrong(unknown).gap.why).toMatch(/^a record does not decode: /);
  });

  it('does not take entries that do not follow those before, as soon as they are proven', () => {
    const early = scan([frame(1, [entry(1)]), frame(2, [entry(5)]), frame(3, [entry(6)])]);
    expect(early.summary).toMatchObject({ lastSeq: 1, lastIndex: 1 });
    expect(early.provenSeq).toBe(2);
    // Two frames in one write, neither proven, and the proof of both behind a gap.
    const batch = [frame(1, [entry(1)], { durableSeq: 0 }), frame(2, [entry(5)], { durableSeq: 0 })];
    const late = scan([...batch, proof(9, 2, 128)]);
    expect(late).toMatchObject({ provenSeq: 2, strayFrames: 1 });
    const second = 4096 + 64 + 16;
    const why = 'its entries do not follow those before';
    expect(late.gap).toMatchObject({ seq: 2, offset: second });
    expect(early.gap).toEqual({ seq: 2, offset: second, isBlank: false, why });
    expect(late.summary.lastIndex).toBe(1);
    // Without that proof nobody minds: it was never durable.
    const unproven = scan(batch);
    expect(unproven).toMatchObject({ provenSeq: 0, gap: { seq: 3 } });
    expect(unproven.unproven).toHaveLength(2);
  });

  it('reads records that are not entries among those that are', () => {
    const mixed = frame(1, [
      { type: 'truncate', from: 9 },
      entry(1),
      HARD_STATE,
      entry(2),
      { type: 'compact', index: 1, term: 1 },
    ]);
    const found = scan([mixed], { provenSeq: 1, lastSeqMax: MAX });
    expect(found.summary).toMatchObject({
      lastIndex: 2,
      hardState: { term: 9, votedFor: 1 },
      compacted: { index: 1, term: 1 },
    });
  });
});

describe('frames behind a gap', () => {
  it('are found at every multiple of 8, up to the last one that fits into the file', () => {
    const [first] = THREE;
    if (first === undefined) throw new Error('there is one');
    for (const gap of [8, 16, 512, 8192 - 4096 - 64 - 8 - 64]) {
      const found = scan([first, proof(6, 5, gap)]);
      expect(found, `gap of ${gap}`).toMatchObject({ strayFrames: 1, provenSeq: 5, gap: { seq: 2 } });
    }
  });

  it('are found in a large segment too, however far behind', () => {
    const segmentBytes = 300 * 1024;
    for (const gap of [64 * 1024 - 128, 64 * 1024 - 64, 64 * 1024, 200 * 1024 + 8]) {
      const { bytes, header } = craft([frame(1, [HARD_STATE]), proof(6, 5, gap)], { segmentBytes });
      const vfs = disk();
      vfs.open('/data/segment', 'create').write(bytes, 0);
      const found = scanSegment(vfs.open('/data/segment', 'read'), header, FREE);
      expect(found, `gap of ${gap}`).toMatchObject({ strayFrames: 1, provenSeq: 5 });
    }
  });

  it('count only with a higher number than the missing one', () => {
    const [first] = THREE;
    if (first === undefined) throw new Error('there is one');
    expect(scan([first, proof(2, 1, 64)])).toMatchObject({ strayFrames: 0, provenSeq: 0 });
    expect(scan([first, proof(3, 0, 64)])).toMatchObject({ strayFrames: 1, provenSeq: 0 });
    expect(scan([first, proof(3, 2, 64), proof(9, 8, 64)])).toMatchObject({ strayFrames: 2, provenSeq: 8 });
  });

  it('count only where they say that they are', () => {
    const found = scan([frame(1, [HARD_STATE]), proof(5, 4, 64)], FREE, (bytes, offsets) => {
      const at = offsets[1] ?? 0;
      bytes.copyWithin(at + 128, at, at + 64);
      bytes.fill(0, at, at + 64);
    });
    expect(found).toMatchObject({ strayFrames: 0, provenSeq: 0 });
  });
});

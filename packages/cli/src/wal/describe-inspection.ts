// An inspection in words, for somebody who is woken by it: what is lost comes first, then where.

import type { Damage, Inspection, LostEntries, SegmentReport } from '@waldb/wal';
import type { Palette } from '../terminal/palette.js';
import { count, formatBytes } from '../terminal/quantities.js';
import { type Column, formatFacts, formatTable } from '../terminal/table.js';

/** What a log of this kind calls its contents. */
interface Words {
  readonly entry: string;
  readonly entries: string;
  readonly index: string;
}

export function wordsFor(kind: Inspection['kind']): Words {
  return kind === 'plain'
    ? { entry: 'record', entries: 'records', index: 'lsn' }
    : { entry: 'entry', entries: 'entries', index: 'index' };
}

/** `7`, `7 to 9`, `from 7 on`. */
export function formatRange({ first, last }: LostEntries): string {
  if (last === undefined) return `from ${first} on`;
  return first === last ? `${first}` : `${first} to ${last}`;
}

/** One sentence, without its full stop, for one damage. */
export function describeDamage(damage: Damage, kind: Inspection['kind']): string {
  const place = damage.type === 'segment-missing' ? damage.file : `${damage.file}, offset ${damage.offset}`;
  const size = damage.bytes > 0 ? `, ${formatBytes(damage.bytes)}` : '';
  return `${place}${size}: ${damage.why}; ${describeLoss(damage, kind)}`;
}

function describeLoss(damage: Damage, kind: Inspection['kind']): string {
  const { index, entry } = wordsFor(kind);
  if (damage.type === 'snapshot') return 'the snapshot is lost';
  const lost = damage.lost.map((range) =>
    range.last === undefined
      ? `${index} ${range.first} and all behind it are lost`
      : `${index} ${formatRange(range)} ${range.first === range.last ? 'is' : 'are'} lost`,
  );
  if (lost.length > 0) return lost.join(', ');
  return damage.mayHoldState && kind !== 'plain'
    ? `no ${entry} is lost, but a vote may be`
    : `no ${entry} is lost`;
}

/** What the verdict means, in a line or two. */
export function describeVerdict(inspection: Inspection, palette: Palette): string[] {
  const { verdict, tail, damages, damagesOmitted, kind } = inspection;
  const { entry } = wordsFor(kind);
  switch (verdict) {
    case 'sound':
      return [`${palette.green('sound')}: everything that was acknowledged is there`];
    case 'unsynced-tail': {
      const facts = [
        ...(tail.unprovenFrames > 0
          ? [`${count(tail.unprovenFrames, 'frame')} at the end may not be durable and will be written again`]
          : []),
        ...(tail.droppedAt === undefined
          ? []
          : [
              `an unfinished write at offset ${tail.droppedAt.offset} of segment ${tail.droppedAt.segment} will be dropped`,
            ]),
      ];
      return [
        `${palette.green('sound')}, with an ${palette.yellow('unsynced tail')}: no ${entry} that was acknowledged is missing`,
        `${facts.join('; ')} when the log is next opened`,
      ];
    }
    case 'damaged': {
      const number = damages.length + damagesOmitted;
      return [`${palette.red('damaged')} in ${count(number, 'place')}; ${describeTotalLoss(inspection)}`];
    }
    case 'unreadable':
      return [palette.red('unreadable')];
  }
}

function describeTotalLoss({ damages, kind, snapshots }: Inspection): string {
  const { entry, entries } = wordsFor(kind);
  const lost = damages.flatMap((damage) => damage.lost);
  if (lost.length === 0) {
    const isSnapshotLost = snapshots.some(({ state }) => state === 'damaged' || state === 'missing');
    return isSnapshotLost ? 'the snapshot is lost' : `no ${entry} is lost`;
  }
  const known = lost.reduce((sum, { first, last }) => sum + (last === undefined ? 0 : last - first + 1), 0);
  if (lost.every(({ last }) => last !== undefined)) return `${count(known, entry, entries)} lost`;
  return known === 0
    ? `${entries} at the end are lost`
    : `${count(known, entry, entries)} lost, and all at the end`;
}

/** The whole page of `waldb wal inspect`. */
export function describeInspection(inspection: Inspection, palette: Palette): string[] {
  const { damages, damagesOmitted, notes, kind } = inspection;
  const lines = [
    ...describeFacts(inspection, palette),
    '',
    ...describeSegments(inspection.segments, palette, kind),
  ];
  if (damages.length > 0) {
    lines.push('', palette.bold('Damage'));
    for (const damage of damages) lines.push(palette.red(`  ${describeDamage(damage, kind)}`));
    if (damagesOmitted > 0) lines.push(`  and ${damagesOmitted} more`);
  }
  if (notes.length > 0) {
    lines.push('', palette.bold('Notes'));
    for (const { file, message } of notes) lines.push(palette.yellow(`  ${file}: ${message}`));
  }
  return lines;
}

function describeFacts(inspection: Inspection, palette: Palette): string[] {
  const { directory, kind, logId, entries, compacted, hardState, durableSeq, metadata, leftovers } =
    inspection;
  const { entries: noun, index } = wordsFor(kind);
  const facts: [string, string][] = [
    ['Log', `${directory} (${kind === 'plain' ? 'plain log' : 'Raft log'} ${logId ?? 'of an unknown id'})`],
    ...describeVerdict(inspection, palette).map((line, i): [string, string] => [
      i === 0 ? 'Verdict' : '',
      line,
    ]),
    [capital(noun), describeEntries(inspection)],
  ];
  if (compacted.index > 0) facts.push(['Given up', `${noun} up to ${index} ${compacted.index}`]);
  if (kind !== 'plain') {
    const vote = hardState?.votedFor === undefined ? 'no vote' : `vote for ${hardState.votedFor}`;
    facts.push(['Hard state', hardState === undefined ? 'none' : `term ${hardState.term}, ${vote}`]);
    facts.push(['Snapshot', describeSnapshot(inspection)]);
  }
  facts.push([
    'Durable',
    `up to frame ${durableSeq}${entries.unproven > 0 ? `; ${entries.unproven} ${noun} behind it are not proven` : ''}`,
  ]);
  const slots = metadata.map(
    ({ slot, state, generation, why, isCurrent }) =>
      `slot ${slot} ${state === 'valid' ? `generation ${generation}` : (why ?? state)}${isCurrent ? ' (counts)' : ''}`,
  );
  facts.push(['Metadata', slots.length === 0 ? 'missing' : slots.join(', ')]);
  if (leftovers.length > 0) facts.push(['Unused', leftovers.join(', ')]);
  return formatFacts(facts, palette);
}

function describeEntries({ entries, kind }: Inspection): string {
  const { index } = wordsFor(kind);
  if (entries.last === 0) return 'none';
  const missing = entries.last - entries.first + 1 - entries.readable;
  const lost = missing > 0 ? `, ${missing} of them lost` : '';
  return `${entries.last - entries.first + 1}, ${index} ${entries.first} to ${entries.last}${lost}`;
}

function describeSnapshot({ snapshots }: Inspection): string {
  const current = snapshots.find(({ state }) => state !== 'leftover');
  if (current === undefined) return 'none';
  const { index, term, bytes, state, why } = current;
  return `index ${index}, term ${term}, ${formatBytes(bytes)}${state === 'sound' ? '' : `: ${why ?? state}`}`;
}

const COLUMNS: readonly Column[] = [
  { title: 'SEGMENT', align: 'left' },
  { title: 'STATE', align: 'left' },
  { title: 'SIZE', align: 'right' },
  { title: 'USED', align: 'right' },
  { title: 'FRAMES', align: 'right' },
  { title: 'ENTRIES', align: 'right' },
  { title: 'INDEXES', align: 'left' },
  { title: 'TERMS', align: 'left' },
  { title: 'FOOTER', align: 'left' },
  { title: 'DAMAGES', align: 'right' },
];

function describeSegments(
  segments: readonly SegmentReport[],
  palette: Palette,
  kind: Inspection['kind'],
): string[] {
  const isPlain = kind === 'plain';
  const columns = COLUMNS.filter(({ title }) => !(isPlain && title === 'TERMS')).map((column) => ({
    ...column,
    title: isPlain ? column.title.replace('ENTRIES', 'RECORDS').replace('INDEXES', 'LSNS') : column.title,
  }));
  const keep = (cells: string[]): string[] =>
    isPlain ? cells.filter((_, i) => COLUMNS[i]?.title !== 'TERMS') : cells;
  const total = (of: (one: SegmentReport) => number): number =>
    segments.reduce((sum, one) => sum + of(one), 0);
  const rows = segments.map((one) => keep(segmentCells(one)));
  const sum = keep([
    count(segments.length, 'segment'),
    '',
    formatBytes(total(({ bytes }) => bytes)),
    formatBytes(total(({ usedBytes }) => usedBytes)),
    String(total(({ frames }) => frames)),
    String(total(({ entries }) => entries)),
    '',
    '',
    '',
    String(total(({ damages }) => damages)),
  ]);
  const paint = (line: string, row: number): string => {
    const segment = segments[row];
    if (segment === undefined) return palette.dim(line);
    return segment.damages > 0 ? palette.red(line) : line;
  };
  return formatTable(columns, [...rows, sum], { palette, paint });
}

function segmentCells(one: SegmentReport): string[] {
  const state =
    one.header === 'valid' ? one.place : one.place === 'missing' ? 'missing' : `${one.place}, ${one.header}`;
  return [
    one.file.replace(/^0+(?=[0-9a-f]+\.wal$)/, '').replace('.wal', ''),
    state,
    formatBytes(one.bytes),
    formatBytes(one.usedBytes),
    String(one.frames),
    String(one.entries),
    formatSpan(one.firstIndex, one.lastIndex),
    formatSpan(one.firstTerm, one.lastTerm),
    one.place === 'tail' && one.footer === 'none' ? '-' : one.footer,
    one.damages === 0 ? '-' : String(one.damages),
  ];
}

function formatSpan(first: number | undefined, last: number | undefined): string {
  if (first === undefined || last === undefined) return '-';
  return first === last ? `${first}` : `${first}-${last}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

// `waldb wal dump`: the entries of a log, one line each, as they are read; damage is told where it is and passed over.

import { decodeConfiguration, describeConfiguration, type LogEntry } from '@waldb/core';
import { type LenientItem, readLogLeniently } from '@waldb/wal';
import { EXIT, type ExitCode, ExitError } from '../exit.js';
import { Output } from '../terminal/output.js';
import { type Palette, paletteFor } from '../terminal/palette.js';
import { ProgressLine } from '../terminal/progress-line.js';
import { formatRange, wordsFor } from './describe-inspection.js';
import { findLogDirectory } from './log-directory.js';

export interface DumpFlags {
  readonly from?: number;
  readonly to?: number;
  readonly limit?: number;
  readonly json?: boolean;
  readonly full?: boolean;
}

/** Longer commands are cut in the text form, unless all of them are asked for. */
const SHOWN_CHARS_MAX = 160;
const INDEX_WIDTH = 8;

type Shown = Exclude<LenientItem, { type: 'progress' }>;

/** 0: everything asked for was there. 1: something was not. */
export async function runDump(path: string, flags: DumpFlags): Promise<ExitCode> {
  const directory = findLogDirectory(path);
  const { from = 1, to = Number.MAX_SAFE_INTEGER, limit = Number.POSITIVE_INFINITY } = flags;
  const progress = new ProgressLine('reading');
  const output = new Output();
  const palette = paletteFor(process.stdout);
  const items = readLogLeniently(directory, { from, to, unproven: true });
  let shown = 0;
  let isDamaged = false;
  for (;;) {
    const step = shown >= limit || output.isClosed ? items.return(undefined) : items.next();
    if (step.done) {
      progress.clear();
      if (step.value !== undefined) throw new ExitError(EXIT.refused, step.value.message);
      break;
    }
    const item = step.value;
    if (item.type === 'progress') {
      await progress.update(item);
      continue;
    }
    progress.clear();
    if (item.type === 'entry') shown += 1;
    else isDamaged = true;
    await output.line(flags.json === true ? toJson(item) : toText(item, palette, flags.full === true));
  }
  await output.flush();
  return isDamaged ? EXIT.failed : EXIT.ok;
}

function toText(item: Shown, palette: Palette, isFull: boolean): string {
  if (item.type !== 'entry') return palette.red(`# ${describeGap(item)}`);
  const { index, term, kind, command } = item.entry;
  const place = `${String(index).padStart(INDEX_WIDTH)}  ${term === 0 ? '' : `term ${term}  `}`;
  const unproven = item.isProven ? '' : palette.yellow('  (not proven durable)');
  const shownKind = term === 0 ? '' : `${kind.padEnd(6)}  `;
  return `${place}${shownKind}${describeCommand(item.entry, isFull)}${command.length === 0 ? '' : palette.dim(`  ${command.length} B`)}${unproven}`.trimEnd();
}

function describeGap(item: Exclude<Shown, { type: 'entry' }>): string {
  const { index } = wordsFor('raft');
  const where =
    item.damage === undefined
      ? ''
      : ` (${item.damage.file}, offset ${item.damage.offset}: ${item.damage.why})`;
  return item.type === 'lost'
    ? `${index} ${formatRange(item.lost)} lost${where}`
    : `frames are missing before ${index} ${item.before}, but no ${index} is${where}`;
}

function describeCommand(entry: LogEntry, isFull: boolean): string {
  if (entry.kind === 'config') return describeMembers(entry.command);
  if (entry.command.length === 0) return '';
  const text = printable(entry.command);
  const whole = text === undefined ? `0x${Buffer.from(entry.command).toString('hex')}` : JSON.stringify(text);
  return isFull || whole.length <= SHOWN_CHARS_MAX ? whole : `${whole.slice(0, SHOWN_CHARS_MAX)}…`;
}

function describeMembers(command: Uint8Array): string {
  try {
    return describeConfiguration(decodeConfiguration(command));
  } catch {
    return `0x${Buffer.from(command).toString('hex')}`; // not one of ours: as it is
  }
}

function toJson(item: Shown): string {
  if (item.type !== 'entry') {
    const { file, offset, why } = item.damage ?? {};
    const gap = item.type === 'lost' ? { lost: item.lost } : { missingBefore: item.before };
    return JSON.stringify({ ...gap, file, offset, why });
  }
  const { entry, isProven, segment, offset } = item;
  const { index, term, kind, command } = entry;
  const text = printable(command);
  const content = text === undefined ? { base64: Buffer.from(command).toString('base64') } : { text };
  return JSON.stringify({ index, term, kind, ...content, isProven, segment, offset });
}

const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The text, where every character of it can be shown. */
function printable(command: Uint8Array): string | undefined {
  try {
    const text = UTF8.decode(command);
    return /^[^\p{Cc}\p{Cs}\p{Co}\p{Cn}]*$/u.test(text.replace(/[\t\r\n]/g, '')) ? text : undefined;
  } catch {
    return undefined; // not UTF-8
  }
}

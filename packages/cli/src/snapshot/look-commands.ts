// `waldb snapshot verify` and `waldb snapshot list`: look at backups, and at the snapshots of a server. Both only read.

import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { openSnapshotFile, SnapshotError, type SnapshotInfo } from '@waldb/snapshot';
import { EXIT, type ExitCode, ExitError, reportExit } from '../exit.js';
import { type Palette, paletteFor } from '../terminal/palette.js';
import { ProgressLine } from '../terminal/progress-line.js';
import { count, formatBytes } from '../terminal/quantities.js';
import { type Column, formatTable } from '../terminal/table.js';
import { requireFile } from './existing-file.js';
import { describeState } from './save-command.js';

export interface LookFlags {
  readonly json?: boolean;
}

/** 0: sound. 1: damaged. What cannot be judged is an error. */
export async function runVerify(path: string, { json }: LookFlags): Promise<ExitCode> {
  requireFile(path);
  const progress = new ProgressLine('reading');
  try {
    const { info, read } = await openSnapshotFile(path);
    let bytesDone = 0;
    for await (const piece of read()) {
      bytesDone += piece.length;
      await progress.update({ bytesDone, bytesTotal: info.bytes });
    }
    progress.clear();
    const text = `${path} is ${paletteFor(process.stdout).green('sound')}: ${describeState(info)}, ${formatBytes(info.bytes)} in ${count(info.chunks, 'chunk')}, every checksum right.`;
    process.stdout.write(
      `${json === true ? JSON.stringify({ file: path, state: 'sound', ...info }) : text}\n`,
    );
    return EXIT.ok;
  } catch (error) {
    progress.clear();
    if (!(error instanceof SnapshotError)) throw error;
    if (error.code !== 'SNAPSHOT_CORRUPT') throw new ExitError(EXIT.refused, error.message, { cause: error });
    if (json === true)
      process.stdout.write(`${JSON.stringify({ file: path, state: 'damaged', why: error.message })}\n`);
    reportExit(new ExitError(EXIT.failed, `${error.message} It is damaged: use another backup.`));
    return EXIT.failed;
  }
}

interface Listed {
  readonly file: string;
  readonly savedAt: Date;
  readonly state: string;
  readonly info?: SnapshotInfo;
}

const COLUMNS: readonly Column[] = [
  { title: 'FILE', align: 'left' },
  { title: 'INDEX', align: 'right' },
  { title: 'TERM', align: 'right' },
  { title: 'SIZE', align: 'right' },
  { title: 'SAVED', align: 'left' },
  { title: 'STATE', align: 'left' },
];

export async function runList(path: string, { json }: LookFlags): Promise<ExitCode> {
  const directory = existsSync(join(path, 'snapshots')) ? join(path, 'snapshots') : path;
  const files = namesIn(directory).filter((name) => isSnapshot(join(directory, name)));
  const listed: Listed[] = [];
  for (const file of files) listed.push(await look(directory, file));
  listed.sort((a, b) => b.savedAt.getTime() - a.savedAt.getTime());
  if (json === true) process.stdout.write(`${JSON.stringify(listed.map(facts))}\n`);
  else process.stdout.write(`${describe(directory, listed, paletteFor(process.stdout)).join('\n')}\n`);
  return EXIT.ok;
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => name);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // whatever readdirSync throws is one
    const why = code === 'ENOENT' ? 'there is no such directory' : `it cannot be read (${code})`;
    throw new ExitError(EXIT.refused, `${directory}: ${why}.`, { cause: error, code: 'FILE_UNUSABLE' });
  }
}

const MAGIC = 'WALDBIMG';

/** By its first bytes: a backup may have any name. */
function isSnapshot(path: string): boolean {
  const file = openSync(path, 'r');
  try {
    const head = Buffer.alloc(MAGIC.length);
    return readSync(file, head, 0, head.length, 0) === head.length && head.toString('latin1') === MAGIC;
  } finally {
    closeSync(file);
  }
}

/** The chunks are not read: that is what `verify` is for. */
async function look(directory: string, file: string): Promise<Listed> {
  const path = join(directory, file);
  const savedAt = statSync(path).mtime;
  try {
    return { file, savedAt, state: 'complete', info: (await openSnapshotFile(path)).info };
  } catch (error) {
    if (!(error instanceof SnapshotError)) throw error;
    const isUnfinished = file.endsWith('.tmp');
    return {
      file,
      savedAt,
      state: isUnfinished ? 'unfinished' : error.code === 'SNAPSHOT_VERSION' ? 'newer version' : 'damaged',
    };
  }
}

function facts({ file, savedAt, state, info }: Listed): object {
  return { file, savedAt: savedAt.toISOString(), state, ...info };
}

function describe(directory: string, listed: readonly Listed[], palette: Palette): string[] {
  if (listed.length === 0) return [`No snapshot is in ${directory}.`];
  const rows = listed.map(({ file, savedAt, state, info }) => [
    file,
    info === undefined ? '' : String(info.index),
    info === undefined ? '' : String(info.term),
    info === undefined ? '' : formatBytes(info.bytes),
    `${savedAt.toISOString().slice(0, 16).replace('T', ' ')} UTC`,
    state,
  ]);
  const paint = (line: string, row: number): string =>
    listed[row]?.state === 'complete' ? line : palette.red(line);
  return formatTable(COLUMNS, rows, { palette, paint });
}

// `waldb snapshot save`: a backup of a running cluster in a file, whole or not there.

import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { SnapshotError, type SnapshotInfo, writeSnapshotFile } from '@waldb/snapshot';
import type { BackupFacts } from '../admin/backup.js';
import { EXIT, type ExitCode, ExitError } from '../exit.js';
import { type AdminFlags, adminAccess } from '../members/server-option.js';
import { ProgressLine } from '../terminal/progress-line.js';
import { formatBytes } from '../terminal/quantities.js';
import { fetchBackup } from './fetch-backup.js';

export interface SaveFlags extends AdminFlags {
  readonly force?: boolean;
  readonly stale?: boolean;
  readonly json?: boolean;
}

export async function runSave(path: string, flags: SaveFlags): Promise<ExitCode> {
  if (flags.force !== true && existsSync(path))
    throw new ExitError(EXIT.refused, `${path} is there already; --force replaces it.`, {
      code: 'FILE_UNUSABLE',
    });
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupt);
  try {
    const facts = await save(path, flags, interruption.signal);
    const text = `Saved ${path}: ${describeState(facts)}, ${formatBytes(facts.bytes)}, from server ${facts.server} of cluster ${facts.cluster}.`;
    process.stdout.write(`${flags.json === true ? JSON.stringify({ file: path, ...facts }) : text}\n`);
    return EXIT.ok;
  } catch (error) {
    if (interruption.signal.aborted)
      throw new ExitError(EXIT.failed, 'Interrupted: nothing was saved.', { cause: error });
    if (error instanceof SnapshotError || error instanceof ExitError) throw error;
    // The connection's own error: it ended before the image did.
    const why = error instanceof Error ? error.message : String(error);
    throw new ExitError(EXIT.failed, `The backup broke off (${why}); nothing was saved. Ask again.`, {
      cause: error,
      code: 'NO_ANSWER',
    });
  }
}

async function save(path: string, flags: SaveFlags, signal: AbortSignal): Promise<BackupFacts> {
  const progress = new ProgressLine('saving');
  try {
    progress.show('(the server takes a snapshot)');
    const { facts, image } = await fetchBackup({
      ...adminAccess(flags),
      stale: flags.stale === true,
      signal,
    });
    async function* pieces(): AsyncGenerator<Uint8Array, void, void> {
      let bytesDone = 0;
      for await (const chunk of image) {
        const piece = chunk as Uint8Array; // no encoding was set
        yield piece;
        bytesDone += piece.length;
        await progress.update({ bytesDone, bytesTotal: facts.bytes });
      }
    }
    // A name without a directory is of this one.
    await writeSnapshotFile(resolve(path), facts, pieces(), { signal, checksum: facts.checksum });
    return facts;
  } finally {
    progress.clear();
  }
}

export function describeState({ index, term }: Pick<SnapshotInfo, 'index' | 'term'>): string {
  return `the state at index ${index} of term ${term}`;
}

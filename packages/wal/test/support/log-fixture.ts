// Logs on a simulated disk, in states that tests start from.

import { type Configuration, type EntryKind, encodeEntry, type LogEntry, type Snapshot } from '@waldb/core';
import { checksum } from '@waldb/io';
import { FaultVfs, type FaultVfsOptions } from '@waldb/testkit';
import { WalError, type WalErrorCode, WalLog, type WalOptions } from '@waldb/wal';
import { expect } from 'vitest';
import { DIRECTORY } from './workload.js';

export { DIRECTORY };

export const CONFIGURATION: Configuration = {
  voters: [1, 2, 3],
  learners: [],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
  addresses: {},
};

export function disk(options: FaultVfsOptions = {}): FaultVfs {
  const vfs = new FaultVfs(options);
  vfs.mkdir('/data');
  vfs.syncDirectory('/data');
  vfs.syncDirectory('/');
  vfs.operations.length = 0;
  return vfs;
}

export function open(vfs: FaultVfs, options: WalOptions = {}): Promise<WalLog> {
  return WalLog.open(DIRECTORY, { segmentBytes: 8 * 1024, ...options, vfs });
}

export function entry(index: number, term = 1, bytes = 10, kind: EntryKind = 'normal'): LogEntry {
  return encodeEntry({ index, term, kind, command: new Uint8Array(bytes).fill(index * 7 + term) });
}

export function entries(from: number, to: number, term = 1, bytes = 10): LogEntry[] {
  return Array.from({ length: to - from + 1 }, (_, i) => entry(from + i, term, bytes));
}

export function snapshot(index: number, term: number, data: readonly number[] = [1, 2, 3]): Snapshot {
  return { index, term, configuration: CONFIGURATION, data: Uint8Array.from(data) };
}

export function segmentPath(id: number): string {
  return `${DIRECTORY}/${segmentName(id)}`;
}

export function segmentName(id: number): string {
  return `${id.toString(16).padStart(16, '0')}.wal`;
}

export function segmentNames(vfs: FaultVfs): string[] {
  return vfs.list(DIRECTORY).filter((name) => name.endsWith('.wal'));
}

export const METADATA_PATH = `${DIRECTORY}/METADATA`;

/** Changes one byte on the disk. */
export function flip(vfs: FaultVfs, path: string, offset: number, mask = 0x01): void {
  vfs.damage(path, (bytes) => {
    bytes[offset] = (bytes[offset] ?? 0) ^ mask;
    return bytes;
  });
}

/** A copy of the disk as it is, on which everything is durable. */
export function copyOf(vfs: FaultVfs): FaultVfs {
  return vfs.reopen({ type: 'powerLoss', survival: 'everything', seed: 0 });
}

/** Every file with its size and checksum. */
export function fingerprint(vfs: FaultVfs): string {
  return [...vfs.contents(DIRECTORY)]
    .map(([name, bytes]) => `${name} ${bytes.length} ${checksum(bytes)}`)
    .join('\n');
}

/** Opening is refused with this code, and every file is left as it was. */
export async function expectRefused(
  vfs: FaultVfs,
  code: WalErrorCode,
  options: WalOptions = {},
): Promise<WalError> {
  const before = fingerprint(vfs);
  const error: unknown = await open(vfs, options).then(
    (log) => `opened: ${JSON.stringify(log.recovery)}`,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(WalError);
  expect(error).toMatchObject({ code });
  expect(fingerprint(vfs)).toBe(before);
  return error as WalError; // just checked
}

/** What is in the log, as one line per entry. */
export function shown(log: WalLog): string[] {
  return log
    .entries(log.firstIndex(), log.lastIndex())
    .map(
      ({ index, term, kind, command }) => `${index}@${term} ${kind} ${command.length}:${command[0] ?? '-'}`,
    );
}

export function shownAs(list: readonly LogEntry[]): string[] {
  return list.map(
    ({ index, term, kind, command }) => `${index}@${term} ${kind} ${command.length}:${command[0] ?? '-'}`,
  );
}

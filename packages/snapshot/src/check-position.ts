// What every write of a snapshot is held to: a position that could be, and the checksum that was announced.

import { type Configuration, RaftError } from '@waldb/core';
import { CONFIGURATION_BYTES_MAX, encodeFileConfiguration, type FileConfiguration } from './format/header.js';
import { checkRange } from './options.js';
import { invalid, SnapshotError } from './snapshot-error.js';
import type { SnapshotInfo, SnapshotPosition } from './snapshot-info.js';

/** Errors: `SNAPSHOT_INVALID`, `SNAPSHOT_TOO_LARGE`. */
export function checkPosition({ index, term, configuration }: SnapshotPosition): FileConfiguration {
  checkRange('index', index, 1, Number.MAX_SAFE_INTEGER);
  checkRange('term', term, 1, Number.MAX_SAFE_INTEGER);
  const encoded = encodeValid(configuration);
  if (encoded.bytes.length <= CONFIGURATION_BYTES_MAX) return encoded;
  throw new SnapshotError(
    'SNAPSHOT_TOO_LARGE',
    `The configuration takes ${encoded.bytes.length} bytes; at most ${CONFIGURATION_BYTES_MAX} are allowed.`,
    { index, term, bytes: encoded.bytes.length, bytesMax: CONFIGURATION_BYTES_MAX },
  );
}

function encodeValid(configuration: Configuration): FileConfiguration {
  try {
    return encodeFileConfiguration(configuration);
  } catch (cause) {
    if (!(cause instanceof RaftError)) throw cause;
    throw invalid(`The configuration could never be in force: ${cause.message}.`, {}, { cause });
  }
}

/** Errors: `SNAPSHOT_MISMATCH`. */
export function checkExpected({ index, term, checksum }: SnapshotInfo, expected: string | undefined): void {
  if (expected === undefined || expected === checksum) return;
  throw new SnapshotError(
    'SNAPSHOT_MISMATCH',
    `The image at index ${index} has the checksum ${checksum}; ${expected} was expected.`,
    { index, term, checksum, expected },
  );
}

// Small files that a server keeps beside its log: JSON for people to read, with a first line that names the format and
// a last line that vouches for all before it.
//
//   waldb identity 1                      format and version
//   { ... }                               JSON
//   crc32 0a1b2c3d                        over all bytes before this line

import { checksum, publishFile, readFile, type Vfs } from '@waldb/io';
import { RuntimeError } from '../runtime-error.js';

const BYTES_MAX = 1024 * 1024;

/** The JSON value in the file; undefined when there is no file. Errors: `IDENTITY_DAMAGED`, or the file system's. */
export function readSealedText(vfs: Vfs, path: string, heading: string): unknown {
  if (vfs.size(path) === undefined) return undefined;
  const text = new TextDecoder().decode(readFile(vfs, path, BYTES_MAX));
  const { checked = '', first = '', json = '', crc = '' } = SHAPE.exec(text)?.groups ?? {};
  if (checked === '' || checksumText(checked) !== crc) throw damaged(path, 'its checksum does not match');
  if (first !== heading)
    throw damaged(path, `it begins with ${JSON.stringify(first)}, not ${JSON.stringify(heading)}`);
  try {
    return JSON.parse(json);
  } catch {
    throw damaged(path, 'it is not JSON');
  }
}

/** Returns once the file is on stable storage. */
export function writeSealedText(vfs: Vfs, path: string, heading: string, value: object): void {
  const checked = `${heading}\n${JSON.stringify(value, undefined, 2)}\n`;
  publishFile(vfs, path, new TextEncoder().encode(`${checked}crc32 ${checksumText(checked)}\n`));
}

export function damaged(path: string, why: string): RuntimeError {
  return new RuntimeError('IDENTITY_DAMAGED', `The file ${path} cannot be believed: ${why}.`, {
    detail: { path },
  });
}

const SHAPE = /^(?<checked>(?<first>[^\n]*)\n(?<json>.*\n))crc32 (?<crc>[0-9a-f]{8})\n$/s;

function checksumText(text: string): string {
  return checksum(new TextEncoder().encode(text)).toString(16).padStart(8, '0');
}

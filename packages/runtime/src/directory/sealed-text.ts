// Small files that a server keeps beside its log: JSON for people to read, with a first line that names the format and
// a last line that vouches for all before it.
//
//   waldb identity 1                      format and version
//   { ... }                               JSON
//   crc32 0a1b2c3d                        over all bytes before this line

import { checksum, publishFile, readFile, type Vfs } from '@waldb/io';
import { RuntimeError } from '../runtime-error.js';

const BYTES_MAX = 1024 * 1024;

/**
 * The JSON value in the file; undefined when there is no file. `heading` is the format's name and this program's version of it.
 * Errors: `IDENTITY_DAMAGED`, `DIRECTORY_NEWER`, or the file system's.
 */
export function readSealedText(vfs: Vfs, path: string, heading: string): unknown {
  if (vfs.size(path) === undefined) return undefined;
  const text = new TextDecoder().decode(readFile(vfs, path, BYTES_MAX));
  const { checked = '', first = '', json = '', crc = '' } = SHAPE.exec(text)?.groups ?? {};
  if (checked === '' || checksumText(checked) !== crc) throw damaged(path, 'its checksum does not match');
  if (isNewer(first, heading))
    throw newerDirectory(path, `${path} is a "${first}"; this program reads up to "${heading}".`);
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

/** Somebody wrote it who knows more than we do: nothing is wrong with it. `fact` is a sentence. */
export function newerDirectory(path: string, fact: string, cause?: Error): RuntimeError {
  return new RuntimeError(
    'DIRECTORY_NEWER',
    `${fact} A newer version of waldb wrote it, and it is left as it is: start that version again.`,
    { detail: { path }, cause },
  );
}

/** The same format, by a higher number. */
function isNewer(found: string, known: string): boolean {
  const { name, version } = HEADING.exec(found)?.groups ?? {};
  const ours = HEADING.exec(known)?.groups;
  return name !== undefined && name === ours?.name && Number(version) > Number(ours?.version);
}

const HEADING = /^(?<name>.+) (?<version>[1-9][0-9]{0,8})$/;
const SHAPE = /^(?<checked>(?<first>[^\n]*)\n(?<json>.*\n))crc32 (?<crc>[0-9a-f]{8})\n$/s;

function checksumText(text: string): string {
  return checksum(new TextEncoder().encode(text)).toString(16).padStart(8, '0');
}

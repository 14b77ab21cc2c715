// A file that a setting names, read whole. Must never put what is in it into a message: it may be a key.

import { readFileSync } from 'node:fs';
import { EXIT, ExitError } from '../exit.js';

/** Errors: `ExitError` (refused), naming the flag and the file. */
export function readNamedFile(flag: string, path: string, encoding: 'latin1' | 'utf8'): string {
  try {
    return readFileSync(path, encoding);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // whatever readFileSync throws is one
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code ?? String(error)})`;
    throw new ExitError(EXIT.refused, `${flag} ${path}: ${why}.`, {
      cause: error,
      code: 'FILE_UNUSABLE',
    });
  }
}

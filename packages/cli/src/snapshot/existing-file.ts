// A file that was named has to be there: said in the words of who typed it, before anything is tried.

import { statSync } from 'node:fs';
import { EXIT, ExitError } from '../exit.js';

/** Errors: `ExitError` (refused). */
export function requireFile(path: string): void {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isFile() === true) return;
  throw new ExitError(
    EXIT.refused,
    `${path}: ${stat === undefined ? 'there is no such file' : 'it is no file'}.`,
    { code: 'FILE_UNUSABLE' },
  );
}

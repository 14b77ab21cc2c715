// Finds the log that is meant by a path: a log's own directory, or that of a server, which keeps its log in `log`.

import { readdirSync } from 'node:fs';
import { isAbsolute, join, relative } from 'node:path';
import { EXIT, ExitError } from '../exit.js';

/** Errors: `ExitError` (refused) where there is nothing to look at. */
export function findLogDirectory(path: string): string {
  const names = list(path);
  if (names instanceof ExitError) throw names;
  if (holdsLog(names)) return path;
  const inner = join(path, 'log');
  const innerNames = names.includes('log') ? list(inner) : [];
  if (!(innerNames instanceof ExitError) && holdsLog(innerNames)) return inner;
  const logs = names.filter((name) => {
    const below = list(join(path, name, 'log'));
    return !(below instanceof ExitError) && holdsLog(below);
  });
  const hint =
    logs.length === 0 ? '' : ` Its servers do: ${logs.map((name) => join(path, name)).join(', ')}.`;
  throw new ExitError(EXIT.refused, `${path} holds no log.${hint}`, { code: 'FILE_UNUSABLE' });
}

/** As somebody would type it here: without what leads to the working directory. */
export function asTyped(path: string): string {
  const below = relative('', path);
  return below === '' || below.startsWith('..') || isAbsolute(below) ? path : below;
}

function holdsLog(names: readonly string[]): boolean {
  return names.some((name) => name === 'METADATA' || /^[0-9a-f]{16}\.wal$/.test(name));
}

function list(path: string): string[] | ExitError {
  try {
    return readdirSync(path);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException; // readdir throws nothing else
    const why =
      code === 'ENOENT'
        ? `${path} does not exist.`
        : code === 'ENOTDIR'
          ? `${path} is not a directory.`
          : code === 'EACCES' || code === 'EPERM'
            ? `${path} may not be read by this user.`
            : `${path} cannot be read: ${message}.`;
    return new ExitError(EXIT.refused, why, { cause: error, code: 'FILE_UNUSABLE' });
  }
}

// A configuration file: YAML, and so JSON too, with one key for each setting. What is wrong is told with its line; what
// is not known is never passed over.

import { readFileSync, statSync } from 'node:fs';
import { InvalidArgumentError } from 'commander';
import { isMap, isScalar, LineCounter, type Pair, parseDocument, type Scalar } from 'yaml';
import { EXIT, ExitError } from '../exit.js';
import { CONFIGURED, type Configured, type Setting } from './setting.js';
import { SETTINGS } from './settings.js';
import { similarWord } from './similar-word.js';

export interface FileValue {
  /** As it would be typed behind the flag. */
  readonly text: string;
  readonly line: number;
}

export interface ConfigFile {
  readonly path: string;
  readonly values: ReadonlyMap<Setting, FileValue>;
  /** Sentences, each with its line, in the order of the file; with any, the file cannot be used. */
  readonly problems: readonly string[];
}

const BYTES_MAX = 1024 * 1024;

/** Errors: `ExitError` where there is nothing to read. */
export function readConfigFile(path: string): ConfigFile {
  return parseConfigFile(path, read(path));
}

export function parseConfigFile(path: string, text: string): ConfigFile {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const lineOf = (offset: number): number => lines.linePos(offset).line;
  const values = new Map<Setting, FileValue>();
  const problems: string[] = document.errors.map(
    ({ message, pos }) => `line ${lineOf(pos[0])}: ${withFullStop(message)}`,
  );
  if (problems.length > 0) return { path, values, problems };
  const { contents } = document;
  if (contents === null) return { path, values, problems };
  if (!isMap(contents))
    return {
      path,
      values,
      problems: ['It has to be a list of settings, like `port: 7101`, one on each line.'],
    };
  for (const pair of contents.items) {
    const at = isScalar(pair.key) ? lineOf(pair.key.range?.[0] ?? 0) : 1;
    const found = understand(pair);
    if (typeof found === 'string') problems.push(`line ${at}: ${found}`);
    else values.set(found.setting, { text: found.text, line: at });
  }
  return { path, values, problems };
}

/** The commands that take all of the file's settings. */
export function commandsFor({ values }: ConfigFile): Configured[] {
  return CONFIGURED.filter((command) => [...values.keys()].every(({ of }) => of[command] !== undefined));
}

/** What is wrong with a pair, in one sentence, or what it says. */
function understand({ key, value }: Pair): { readonly setting: Setting; readonly text: string } | string {
  const name = isScalar(key) ? String(key.value) : '';
  const setting = SETTINGS.find((one) => one.key === name);
  if (setting === undefined) {
    const meant = similarWord(
      name,
      SETTINGS.map((one) => one.key),
    );
    return `${JSON.stringify(name)} is no setting${meant === undefined ? '; waldb config --explain lists them' : ` (did you mean ${meant}?)`}.`;
  }
  const text = textOf(value);
  if (text === undefined) return `${name} has to be one value, like ${setting.example}.`;
  try {
    setting.parse(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    return `${name} cannot be ${JSON.stringify(text)}. ${error.message}`;
  }
  return { setting, text };
}

/** As it was typed: `7101` and "7101" are the same. A mapping, of ids to addresses, is written as a flag has it. */
function textOf(value: unknown): string | undefined {
  if (isScalar(value)) return scalarText(value);
  if (!isMap(value)) return undefined;
  const items = value.items.map(({ key, value: one }) =>
    isScalar(key) && isScalar(one) ? `${scalarText(key) ?? ''}=${scalarText(one) ?? ''}` : undefined,
  );
  return items.includes(undefined) ? undefined : items.join(',');
}

function scalarText({ value, source, type }: Scalar): string | undefined {
  if (value === null) return undefined;
  return type === 'PLAIN' && source !== undefined ? source : String(value);
}

function withFullStop(message: string): string {
  return `${message.replace(/[.:]?$/, '')}.`;
}

function read(path: string): string {
  try {
    if (statSync(path).size > BYTES_MAX)
      throw new ExitError(EXIT.refused, `The configuration file ${path} is larger than ${BYTES_MAX} bytes.`, {
        code: 'FILE_UNUSABLE',
      });
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof ExitError) throw error;
    const { code } = error as NodeJS.ErrnoException; // whatever the file system throws is one
    const why = code === 'ENOENT' ? 'there is no such file' : `it cannot be read (${code})`;
    throw new ExitError(EXIT.refused, `The configuration file ${path}: ${why}.`, {
      cause: error,
      code: 'FILE_UNUSABLE',
    });
  }
}

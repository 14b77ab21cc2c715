// What holds, and who said it: a flag before a variable, a variable before the file, the file before the default.

import { InvalidArgumentError } from 'commander';
import { EXIT, ExitError } from '../exit.js';
import { type ConfigFile, readConfigFile } from './config-file.js';
import { type Configured, flagOf, propertyOf, type Setting, variableOf } from './setting.js';
import { SETTINGS, settingsOf } from './settings.js';

export interface Effective {
  readonly setting: Setting;
  /** Undefined where nobody says anything and there is no default. */
  readonly value: unknown;
  /** As it would be typed. */
  readonly text: string | undefined;
  readonly from: 'flag' | 'environment' | 'file' | 'default';
  /** `--port`, `WALDB_PORT`, `waldb.yaml, line 3`, or nothing. */
  readonly where: string;
}

export const CONFIG_VARIABLE = 'WALDB_CONFIG';
/** As commander has them: texts by property, present where a flag was typed. */
export type TypedFlags = Readonly<Record<string, string | undefined>>;
export type Environment = Readonly<Record<string, string | undefined>>;

/** Errors: `ExitError`, naming where the wrong value was said. */
export function effectiveSettings(
  command: Configured,
  flags: TypedFlags,
  environment: Environment,
): Effective[] {
  const path = flags.config ?? nonEmpty(environment[CONFIG_VARIABLE]);
  const file = path === undefined ? undefined : usable(readConfigFile(path), command);
  return settingsOf(command).map((setting) => find(command, setting, { flags, environment, file }));
}

/** Values by property, as the commands take them. What nobody said is absent. */
export function valuesOf(effective: readonly Effective[]): Record<string, unknown> {
  return Object.fromEntries(
    effective.flatMap(({ setting, value }) => (value === undefined ? [] : [[propertyOf(setting), value]])),
  );
}

/** For a process that is told everything by its flags: what was meant for its parent is not meant for it. */
export function withoutSettings(environment: Environment): Environment {
  const known = new Set([CONFIG_VARIABLE, ...SETTINGS.map(variableOf)]);
  return Object.fromEntries(Object.entries(environment).filter(([name]) => !known.has(name)));
}

interface Sources {
  readonly flags: TypedFlags;
  readonly environment: Environment;
  readonly file: ConfigFile | undefined;
}

function find(command: Configured, setting: Setting, { flags, environment, file }: Sources): Effective {
  const typed = flags[propertyOf(setting)];
  if (typed !== undefined) return said(setting, typed, 'flag', flagOf(setting));
  const variable = variableOf(setting);
  const inherited = nonEmpty(environment[variable]);
  if (inherited !== undefined) return said(setting, inherited, 'environment', variable);
  const written = file?.values.get(setting);
  if (file !== undefined && written !== undefined)
    return said(setting, written.text, 'file', `${file.path}, line ${written.line}`);
  const fallback = setting.of[command]?.fallback;
  if (fallback !== undefined) return said(setting, fallback, 'default', '');
  return { setting, value: undefined, text: undefined, from: 'default', where: '' };
}

function said(setting: Setting, text: string, from: Effective['from'], where: string): Effective {
  try {
    return { setting, value: setting.parse(text), text, from, where };
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new ExitError(EXIT.refused, `${where} cannot be ${JSON.stringify(text)}. ${error.message}`, {
      cause: error,
      code: 'SETTING_INVALID',
    });
  }
}

/** Errors: `ExitError` with the first problem; `waldb config check` has them all. */
function usable(file: ConfigFile, command: Configured): ConfigFile {
  const { path, problems, values } = file;
  const [first, ...others] = problems;
  if (first !== undefined) {
    const more = others.length === 0 ? '' : ` (${others.length} more: waldb config check ${path})`;
    throw new ExitError(EXIT.refused, `The configuration file ${path}, ${first}${more}`, {
      code: 'SETTING_INVALID',
    });
  }
  for (const [setting, { line }] of values) {
    if (setting.of[command] !== undefined) continue;
    const [other] = Object.keys(setting.of);
    throw new ExitError(
      EXIT.refused,
      `The configuration file ${path}, line ${line}: ${setting.key} is a setting of waldb ${other}, not of waldb ${command}.`,
      { code: 'SETTING_INVALID' },
    );
  }
  return file;
}

/** A variable that is set to nothing says nothing. */
function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text;
}

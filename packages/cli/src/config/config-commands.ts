// `waldb config ...`: explains settings, checks a file, and shows what would hold. It starts nothing and writes nothing.

import { type Command, Option } from 'commander';
import type { CommandContext } from '../commands.js';
import { EXIT, type ExitCode, ExitError } from '../exit.js';
import { type Palette, paletteFor } from '../terminal/palette.js';
import { count } from '../terminal/quantities.js';
import { type Column, formatTable } from '../terminal/table.js';
import { commandsFor, readConfigFile } from './config-file.js';
import { type Effective, effectiveSettings, type TypedFlags } from './effective.js';
import { commandsOf, explainAll, explainSetting } from './explain.js';
import { CONFIGURED, type Configured, defaultOf, flagOf, variableOf } from './setting.js';
import { addSettingOptions } from './setting-options.js';
import { SETTINGS } from './settings.js';
import { similarWord } from './similar-word.js';

interface JsonFlag {
  readonly json?: boolean;
}

export function addConfig(config: Command, { run: runToEnd }: CommandContext): void {
  const run = (command: () => ExitCode): Promise<void> => runToEnd(async () => command());
  config
    .addOption(new Option('--explain [setting]', 'all settings, or all about one'))
    .addOption(jsonOption())
    .addHelpText('after', HELP)
    .action((flags: JsonFlag & { explain?: string | true }) => {
      if (flags.explain === undefined) config.help({ error: true });
      return run(() => explain(flags.explain === true ? undefined : flags.explain, flags));
    });
  config
    .command('check')
    .description('Say whether a configuration file can be used; every problem has its line.')
    .argument('<file>', 'YAML or JSON')
    .addOption(jsonOption())
    .action((file: string, _flags: JsonFlag, command: Command) => run(() => check(file, flagsOf(command))));
  const print = config
    .command('print')
    .description('Show what would hold, and who says so; nothing is started.');
  for (const command of CONFIGURED) {
    addSettingOptions(print.command(command).description(`As waldb ${command} would have it.`), command)
      .addOption(jsonOption())
      .action((_flags: object, printed: Command) => run(() => printEffective(command, flagsOf(printed))));
  }
}

/** `--json` belongs to `waldb config` as well, which takes it wherever it stands. */
function flagsOf(command: Command): TypedFlags & JsonFlag {
  return command.optsWithGlobals();
}

function jsonOption(): Option {
  return new Option('--json', 'the facts as JSON');
}

function explain(key: string | undefined, { json }: JsonFlag): ExitCode {
  const palette = paletteFor(process.stdout);
  if (key === undefined) write(json, SETTINGS.map(facts), () => explainAll(palette));
  else {
    const wanted = key.replace(/^--/, '');
    const setting = SETTINGS.find((one) => one.key === wanted || variableOf(one) === wanted);
    if (setting === undefined) {
      const meant = similarWord(
        wanted,
        SETTINGS.map((one) => one.key),
      );
      const hint = meant === undefined ? 'waldb config --explain lists them' : `did you mean ${meant}?`;
      throw new ExitError(EXIT.refused, `${JSON.stringify(wanted)} is no setting (${hint}).`, {
        code: 'USAGE',
      });
    }
    write(json, facts(setting), () => explainSetting(setting, palette));
  }
  return EXIT.ok;
}

function facts(setting: (typeof SETTINGS)[number]): object {
  const { key, argument, summary, explanation, example } = setting;
  const defaults = Object.fromEntries(
    commandsOf(setting).map((command) => [command, defaultOf(setting, command)]),
  );
  return {
    key,
    flag: flagOf(setting),
    variable: variableOf(setting),
    argument,
    defaults,
    summary,
    explanation,
    example,
  };
}

function check(path: string, { json }: JsonFlag): ExitCode {
  const file = readConfigFile(path);
  const commands = commandsFor(file);
  const problems =
    file.problems.length === 0 && commands.length === 0
      ? ['It has settings of waldb serve and of waldb cluster, which do not go together.']
      : file.problems;
  const isUsable = problems.length === 0;
  write(json, { file: path, isUsable, commands, settings: file.values.size, problems }, () =>
    isUsable
      ? [
          `${path} can be used: ${count(file.values.size, 'setting')}, for ${commands.map((command) => `waldb ${command}`).join(' and ')}.`,
        ]
      : [`${path} cannot be used:`, ...problems.map((problem) => `  ${problem}`)],
  );
  return isUsable ? EXIT.ok : EXIT.refused;
}

const COLUMNS: readonly Column[] = [
  { title: 'SETTING', align: 'left' },
  { title: 'VALUE', align: 'left' },
  { title: 'FROM', align: 'left' },
];

function printEffective(command: Configured, { json, ...flags }: TypedFlags & JsonFlag): ExitCode {
  const effective = effectiveSettings(command, flags, process.env);
  write(
    json,
    Object.fromEntries(
      effective.map(({ setting, text, from, where }) => [setting.key, { value: text ?? null, from, where }]),
    ),
    () => describe(command, effective, paletteFor(process.stdout)),
  );
  return EXIT.ok;
}

function describe(command: Configured, effective: readonly Effective[], palette: Palette): string[] {
  const rows = effective.map(({ setting, text, from, where }) => [
    setting.key,
    text ?? defaultOf(setting, command),
    where === '' ? from : where,
  ]);
  const paint = (line: string, row: number): string =>
    effective[row]?.from === 'default' ? palette.dim(line) : line;
  return formatTable(COLUMNS, rows, { palette, paint });
}

function write(json: boolean | undefined, value: unknown, lines: () => string[]): void {
  process.stdout.write(json === true ? `${JSON.stringify(value)}\n` : `${lines().join('\n')}\n`);
}

const HELP = `
Examples:
  waldb config --explain                            every setting, with its default
  waldb config --explain client-address             all about one
  waldb config check waldb.yaml
  waldb config print serve --config waldb.yaml --port 7102`;

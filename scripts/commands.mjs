// Every command of the command line with its arguments and options, from the program itself, in docs/command-line.md:
// `npm run commands [-- --check]`.
//
// What stands between <!-- commands --> and <!-- /commands --> is written anew; with --check nothing is written, and a page that
// says anything else than the program ends in exit code 1. Settings of `serve` and `cluster` have a page of their own.

import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeProgram } from '../packages/cli/src/command-line.ts';
import { CONFIGURED } from '../packages/cli/src/config/setting.ts';
import { SETTINGS } from '../packages/cli/src/config/settings.ts';

const PAGE = fileURLToPath(new URL('../docs/command-line.md', import.meta.url));
const MARKED = /(<!-- commands -->\n)[\s\S]*?(<!-- \/commands -->)/;
const ON_CONFIGURATION_PAGE = new Set(SETTINGS.map(({ key }) => `--${key}`));

const { values: options } = parseArgs({
  options: { check: { type: 'boolean', default: false }, page: { type: 'string', default: PAGE } },
});

const program = await makeProgram({ entryFile: '', run: async () => undefined });
const help = program.createHelp();
const before = readFileSync(options.page, 'utf8');
if (!MARKED.test(before)) throw new Error(`${options.page} has no place for the commands.`);
const after = before.replace(
  MARKED,
  (_, open, close) => `${open}\n${sectionsBelow(program).join('\n')}\n${close}`,
);

if (after === before) console.log('The page has every command as it is.');
else if (options.check) {
  console.log('docs/command-line.md has other commands or options than the program: npm run commands');
  process.exitCode = 1;
} else {
  writeFileSync(options.page, after);
  console.log('Written: docs/command-line.md');
}

/** A section for each command, and for a group with what all of its commands take. */
function sectionsBelow(parent, path = 'waldb', told = []) {
  return parent.commands.flatMap((command) => {
    const name = `${path} ${command.name()}`;
    if (command.commands.length === 0) return [section(command, name, told)];
    const shared = sharedRows(command);
    const own = optionRows(command);
    const rows = [
      ...(own.length === 0 ? [] : table(own)),
      ...(shared.length === 0 ? [] : ['All of them take:', '', ...table(shared)]),
    ];
    const level = name.split(' ').length > 2 ? '####' : '###';
    return [
      [`${level} ${name}`, '', text(command.description()), '', ...rows].join('\n'),
      ...sectionsBelow(command, name, shared),
    ];
  });
}

function sharedRows({ commands: [first, ...others] }) {
  const ofOthers = others.map((command) => new Set(optionRows(command)));
  return others.length === 0
    ? []
    : optionRows(first).filter((row) => ofOthers.every((rows) => rows.has(row)));
}

/** `told` are the rows that stand in the group's section. */
function section(command, name, told) {
  const terms = command.registeredArguments.map(bracketed);
  const level = name.split(' ').length > 2 ? '####' : '###';
  const rows = [...argumentRows(command), ...optionRows(command)].filter((row) => !told.includes(row));
  const settings = takesSettings(command)
    ? ['And every setting of this command, as a flag: [configuration.md](configuration.md).', '']
    : [];
  return [
    ...[`${level} ${[name, ...terms].join(' ').replaceAll('<', '\\<')}`, '', text(command.description()), ''],
    ...(rows.length === 0 ? [] : table(rows)),
    ...settings,
  ].join('\n');
}

function table(rows) {
  return ['| | |', '| --- | --- |', ...rows, ''];
}

function argumentRows(command) {
  return help
    .visibleArguments(command)
    .map((argument) => `| ${code(argument.name())} | ${text(help.argumentDescription(argument))} |`);
}

function optionRows(command) {
  return help
    .visibleOptions(command)
    .filter(({ long }) => long !== '--help' && !(takesSettings(command) && ON_CONFIGURATION_PAGE.has(long)))
    .map((option) => `| ${code(option.flags)} | ${text(help.optionDescription(option))} |`);
}

function takesSettings(command) {
  return CONFIGURED.includes(command.name());
}

function bracketed(argument) {
  const word = `${argument.name()}${argument.variadic ? '...' : ''}`;
  return argument.required ? `<${word}>` : `[${word}]`;
}

function code(words) {
  return `\`${words.replaceAll('|', '\\|')}\``;
}

/** On one line, in which nothing is taken for HTML or for the end of a cell. */
function text(words) {
  return words.replaceAll(/\s+/g, ' ').replaceAll('|', '\\|').replaceAll('<', '&lt;');
}

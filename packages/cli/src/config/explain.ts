// What a setting means, for `waldb config --explain` and for docs/configuration.md: both from the table.

import type { Palette } from '../terminal/palette.js';
import { type Column, formatFacts, formatTable } from '../terminal/table.js';
import { CONFIGURED, type Configured, defaultOf, flagOf, type Setting, variableOf } from './setting.js';
import { SETTINGS } from './settings.js';

export function explainSetting(setting: Setting, palette: Palette): string[] {
  return [
    ...formatFacts(
      [
        ['Setting', setting.key],
        ['Flag', `${flagOf(setting)} ${setting.argument}`],
        ['Variable', variableOf(setting)],
        ['In a file', `${setting.key}: ${setting.example}`],
        ...commandsOf(setting).map(
          (command, nth) =>
            [nth === 0 ? 'Default' : '', `${defaultOf(setting, command)} for waldb ${command}`] as const,
        ),
      ],
      palette,
    ),
    '',
    `${capital(setting.summary)}.`,
    ...wrapped(setting.explanation),
  ];
}

const COLUMNS: readonly Column[] = [
  { title: 'SETTING', align: 'left' },
  { title: 'OF', align: 'left' },
  { title: 'DEFAULT', align: 'left' },
  { title: 'WHAT IT IS', align: 'left' },
];

export function explainAll(palette: Palette): string[] {
  const rows = SETTINGS.map((setting) => [
    setting.key,
    commandsOf(setting).join(', '),
    defaults(setting).join(', '),
    setting.summary,
  ]);
  return [
    ...formatTable(COLUMNS, rows, { palette }),
    '',
    'Each is a flag (--port), a variable (WALDB_PORT) and a key in a file (port: 7101), in this order of precedence.',
    'All about one: waldb config --explain port',
  ];
}

/** docs/configuration.md, whole. */
export function configurationPage(): string {
  const sections = SETTINGS.map((setting) => {
    const facts = commandsOf(setting).map(
      (command) => `\`waldb ${command}\`: ${code(defaultOf(setting, command))}`,
    );
    return [
      `## ${setting.key}`,
      '',
      `${capital(setting.summary)}. ${setting.explanation}`,
      '',
      `Flag \`${flagOf(setting)} ${setting.argument}\`, variable \`${variableOf(setting)}\`. Default of ${facts.join(', of ')}.`,
      '',
    ].join('\n');
  });
  return `${INTRODUCTION}\n${sections.join('\n')}`;
}

export function commandsOf({ of }: Setting): Configured[] {
  return CONFIGURED.filter((command) => of[command] !== undefined);
}

function defaults(setting: Setting): string[] {
  return [...new Set(commandsOf(setting).map((command) => defaultOf(setting, command)))];
}

/** Words in parentheses are no value that could be typed. */
function code(text: string): string {
  return text.startsWith('(') ? text.slice(1, -1) : `\`${text}\``;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const WIDTH = 100;

function wrapped(text: string): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > WIDTH) {
      lines.push(line);
      line = word;
    } else line = line === '' ? word : `${line} ${word}`;
  }
  return [...lines, line];
}

const INTRODUCTION = `# Configuration

Everything that \`waldb serve\` and \`waldb cluster\` can be told. (Written from the table that the program itself goes by,
\`packages/cli/src/config/settings.ts\`; a test keeps it so.)

Each setting can be said in four places. What is said in an earlier one wins:

1. a **flag**: \`--port 7101\`
2. a **variable** of the environment: \`WALDB_PORT=7101\`. One that is empty says nothing
3. a **file**, named by \`--config FILE\` or \`WALDB_CONFIG\`: \`port: 7101\`
4. the **default**

A file is YAML, and so it may be JSON. A key that is no setting, or not one of the command that reads the file, is
refused with its line, never passed over:

\`\`\`yaml
id: 1
directory: /var/lib/waldb
host: 10.0.0.1
admin: 127.0.0.1:7301
peers:
  1: 10.0.0.1:7201/10.0.0.1:7101
  2: 10.0.0.2:7201/10.0.0.2:7101
  3: 10.0.0.3:7201/10.0.0.3:7101
\`\`\`

Paths are those of the process, not of the file. Three commands help:

\`\`\`sh
waldb config --explain                        # what there is
waldb config --explain peers                  # what one of them means
waldb config check waldb.yaml                 # whether a file can be used, with every problem; exit code 0 or 2
waldb config print serve --config waldb.yaml  # what would hold, and who says so; nothing is started
\`\`\`
`;

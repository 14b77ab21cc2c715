// The settings of a command as its flags. They are read as text here: what a flag means is decided where all sources
// meet, so that a wrong value is told alike wherever it was said.

import { type Command, Option } from 'commander';
import { type Configured, defaultOf, flagOf } from './setting.js';
import { settingsOf } from './settings.js';

export function addSettingOptions(to: Command, command: Configured): Command {
  for (const setting of settingsOf(command)) {
    const text = `${setting.summary} (default: ${defaultOf(setting, command).replace(/^\((.*)\)$/, '$1')})`;
    to.addOption(new Option(`${flagOf(setting)} ${setting.argument}`, text));
  }
  return to.addOption(
    new Option(
      '--config <file>',
      'settings in YAML or JSON; flags and WALDB_ variables win; see waldb config',
    ),
  );
}

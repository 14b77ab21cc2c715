// `waldb completion`: prints the script for a shell.

import { Argument, type Command, Option } from 'commander';
import type { CommandContext } from '../commands.js';
import { EXIT } from '../exit.js';
import { placesOf } from './command-tree.js';
import { completionScript, SHELLS, type Shell } from './scripts.js';

export function addCompletion(command: Command, { run }: CommandContext): void {
  command
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addOption(new Option('--json', 'the script and the words that it completes, as one JSON object'))
    .addHelpText('after', HELP)
    .action((shell: Shell, { json }: { readonly json?: boolean }) =>
      run(async () => {
        const places = placesOf(command.parent ?? command);
        const script = completionScript(shell, places);
        process.stdout.write(json === true ? `${JSON.stringify({ shell, script, places })}\n` : script);
        return EXIT.ok;
      }),
    );
}

const HELP = `
Examples:
  source <(waldb completion bash)                                    in ~/.bashrc
  source <(waldb completion zsh)                                     in ~/.zshrc, after compinit
  waldb completion fish > ~/.config/fish/completions/waldb.fish`;

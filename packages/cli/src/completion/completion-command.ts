// `waldb completion`: prints the script for a shell.

import { Argument, type Command } from 'commander';
import type { CommandContext } from '../commands.js';
import { EXIT } from '../exit.js';
import { placesOf } from './command-tree.js';
import { completionScript, SHELLS, type Shell } from './scripts.js';

export function addCompletion(command: Command, { onExitCode }: CommandContext): void {
  command
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, placesOf(command.parent ?? command)));
      onExitCode(EXIT.ok);
    });
}

const HELP = `
Examples:
  source <(waldb completion bash)                                    in ~/.bashrc
  source <(waldb completion zsh)                                     in ~/.zshrc, after compinit
  waldb completion fish > ~/.config/fish/completions/waldb.fish`;

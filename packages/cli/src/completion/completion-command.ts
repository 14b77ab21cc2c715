// `waldb completion`: prints the script for a shell.

import { Argument, type Command } from 'commander';
import { EXIT, type ExitCode } from '../exit.js';
import { placesOf } from './command-tree.js';
import { completionScript, SHELLS, type Shell } from './scripts.js';

export function addCompletion(program: Command, onExitCode: (code: ExitCode) => void): void {
  program
    .command('completion')
    .description('Print a script that completes commands and flags of waldb in a shell.')
    .addArgument(new Argument('<shell>').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, placesOf(program)));
      onExitCode(EXIT.ok);
    });
}

const HELP = `
Examples:
  source <(waldb completion bash)                                    in ~/.bashrc
  source <(waldb completion zsh)                                     in ~/.zshrc, after compinit
  waldb completion fish > ~/.config/fish/completions/waldb.fish`;

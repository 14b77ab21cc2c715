// Scripts with which a shell completes commands and flags. They hold the words themselves: nothing is run while somebody
// types. What is no word of ours is completed as a file.

import type { Completed, Place } from './command-tree.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

export function completionScript(shell: Shell, places: readonly Place[]): string {
  switch (shell) {
    case 'bash':
      return bash(places);
    case 'zsh':
      return zsh(places);
    case 'fish':
      return fish(places);
  }
}

/** A `case` that goes from word to word, as far as words are commands. */
function walk(places: readonly Place[], indent: string): string {
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => `${quoted(path)}`);
  return `${indent}case "$place $word" in\n${indent}  ${paths.join('|')}) place="$place $word" ;;\n${indent}esac\n`;
}

function bash(places: readonly Place[]): string {
  const cases = places.map(
    ({ path, commands, flags }) =>
      `    ${quoted(path)}) known=${quoted(words(commands))} flags=${quoted(words(flags))} ;;\n`,
  );
  return `# Completion of waldb for bash. In ~/.bashrc: source <(waldb completion bash)
_waldb() {
  local current="\${COMP_WORDS[COMP_CWORD]}" place="" word known="" flags=""
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
${walk(places, '    ')}  done
  case "$place" in
${cases.join('')}  esac
  if [[ "$current" == -* ]]; then known="$flags"; fi
  COMPREPLY=($(compgen -W "$known" -- "$current"))
}
complete -o default -F _waldb waldb
`;
}

function zsh(places: readonly Place[]): string {
  const list = (completed: readonly Completed[]): string =>
    completed
      .map(({ word, description }) => quoted(`${word.replaceAll(':', '\\:')}:${description}`))
      .join(' ');
  const cases = places.map(
    ({ path, commands, flags }) =>
      `    ${quoted(path)}) known=(${list(commands)}); flags=(${list(flags)}) ;;\n`,
  );
  return `#compdef waldb
# Completion of waldb for zsh. In ~/.zshrc, after compinit: source <(waldb completion zsh)
_waldb() {
  local place="" word
  local -a known flags
  for word in "\${(@)words[2,CURRENT-1]}"; do
${walk(places, '    ')}  done
  case "$place" in
${cases.join('')}  esac
  if [[ "$PREFIX" == -* ]]; then
    _describe -t flags flag flags
  elif (( \${#known} )); then
    _describe -t commands command known
  else
    _files
  fi
}
if [[ "\${funcstack[1]}" == _waldb ]]; then _waldb "$@"; else compdef _waldb waldb; fi
`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, commands, flags }) => {
    const at = `complete -c waldb -n ${quoted(`__waldb_at ${quoted(path)}`)}`;
    return [
      ...commands.map(({ word, description }) => `${at} -f -a ${word} -d ${quoted(description)}`),
      ...flags.map(({ word, description }) => `${at} -l ${word.slice(2)} -d ${quoted(description)}`),
    ];
  });
  const paths = places.filter(({ path }) => path !== '').map(({ path }) => quoted(path));
  return `# Completion of waldb for fish: waldb completion fish > ~/.config/fish/completions/waldb.fish
function __waldb_at
  set -l place ""
  for word in (commandline -opc)[2..-1]
    if contains -- "$place $word" ${paths.join(' ')}
      set place "$place $word"
    end
  end
  test "$place" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function words(completed: readonly Completed[]): string {
  return completed.map(({ word }) => word).join(' ');
}

/** For any of the three shells: nothing is expanded inside, and a quote is said from outside. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'"'"'`)}'`;
}

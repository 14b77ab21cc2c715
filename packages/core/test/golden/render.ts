// Golden scripts: a story told in commands, with what happened written under each of them (packages/core/testdata).
//
//   # Prose: what the story shows, and where in the paper it stands.
//
//   cluster 3                       a command stands at the start of its line; commands.ts lists them all
//     S1 follower t0 ...            indented: what it brought, written by the test
//
// The whole file is rendered anew and compared with itself, so a change of behaviour shows up as a change of text. To
// write a script, write the commands, run the tests with `-u`, and then read every line: a trace is right when Raft
// says so, not when the file says so.

import { Story } from './commands.js';

/** The script with the output under each command as it is now. `name` is for errors. */
export function renderScript(name: string, script: string): string {
  const story = new Story();
  const rendered: string[] = [];
  for (const [i, line] of script.split('\n').entries()) {
    if (line.startsWith('  ')) continue; // what it brought last time
    rendered.push(line);
    if (line === '' || line.startsWith('#')) continue;
    try {
      rendered.push(...story.run(line).map((output) => `  ${output}`));
    } catch (cause) {
      throw new Error(`${name}:${i + 1}: ${line}: ${cause instanceof Error ? cause.message : cause}`, {
        cause,
      });
    }
  }
  return rendered.join('\n');
}

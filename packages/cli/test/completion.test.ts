// Completion as a shell sees it: bash runs the script; what all three hold is every command and every flag.

import { spawnSync } from 'node:child_process';
import { afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Place } from '../src/completion/command-tree.js';
import { completionScript, SHELLS } from '../src/completion/scripts.js';
import { cleanUp, runWaldb } from './support/run-waldb.js';

afterEach(cleanUp);

let script: string;
beforeAll(async () => {
  script = (await runWaldb(['completion', 'bash'])).stdout;
}, 30_000);

/** What bash offers for the last word. */
function completed(...typed: string[]): string[] {
  const line = `
    COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _waldb; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { status, stdout, stderr } = spawnSync(
    'bash',
    ['-c', `${script}${line}`, 'bash', 'waldb', ...typed],
    {
      encoding: 'utf8',
    },
  );
  expect([status, stderr]).toEqual([0, '']);
  return stdout.split('\n').filter((word) => word !== '');
}

describe('waldb completion', () => {
  it('offers commands, their commands, and their flags', () => {
    expect(completed('')).toEqual(expect.arrayContaining(['cluster', 'serve', 'status', 'snapshot']));
    expect(completed('st')).toEqual(['status']);
    expect(completed('snapshot', '')).toEqual(expect.arrayContaining(['save', 'verify', 'list', 'restore']));
    expect(completed('snapshot', 'restore', 'some.backup', '--me')).toEqual(['--members']);
    expect(completed('serve', '--port', '7101', '--peer')).toEqual(['--peers', '--peer-listen']);
    // No word of ours: bash goes on with file names.
    expect(completed('snapshot', 'verify', './')).toEqual([]);
  });

  it('says which shells there are', async () => {
    expect(await runWaldb(['completion', 'tcsh'])).toMatchObject({
      exitCode: 2,
      stderr: expect.stringMatching(/Allowed choices are bash, zsh, fish\.\n$/),
    });
  });

  it.each(SHELLS)('%s: quotes and dollars in a description stay what they are', (shell) => {
    const places: Place[] = [
      { path: '', commands: [{ word: 'one', description: "server's $(touch /tmp/x) `id`" }], flags: [] },
      { path: ' one', commands: [], flags: [{ word: '--flag', description: 'a: b' }] },
    ];
    const text = completionScript(shell, places);
    expect(text).toContain('one');
    // Nothing of a description stands outside of single quotes.
    const outside = text.replaceAll(`'"'"'`, '').replaceAll(/'[^']*'/g, '');
    expect(outside).not.toMatch(/touch|`id`/);
  });
});

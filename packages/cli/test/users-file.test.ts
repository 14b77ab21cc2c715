// Files of users: what can be used, and which line is told to be wrong where it cannot.

import { describe, expect, it } from 'vitest';
import { examineUsers } from '../src/clients/users-file.js';

const HASH = `scrypt:${'0'.repeat(32)}:${'f'.repeat(64)}`;

describe('a file of users', () => {
  it('gives them as they stand there', () => {
    const { users, problems } = examineUsers(
      `default:\n  rules: off\napp:\n  rules: on +@all ~app:*\n  passwords:\n    - ${HASH}\n`,
    );
    expect(problems).toEqual([]);
    expect(users).toEqual([
      { name: 'default', rules: 'off' },
      { name: 'app', rules: 'on +@all ~app:*', passwordHashes: [HASH] },
    ]);
  });

  it.each([
    ['', 'there are no users in it.'],
    ['# nobody', 'there are no users in it.'],
    ['- app', 'it has to be a mapping of names to `rules` and `passwords`.'],
    ['app:\n  rules: [on', /^line \d: /],
    ['app:\n  rules: off\napp:\n  rules: off', /^line 3: .*unique/],
    ['one:\n  rules: off\napp: on', 'line 3: user "app": it needs `rules`, like `on +@all ~*`.'],
    ['app:\n  passwords: []', 'line 1: user "app": `rules` has to be one line, like `on +@all ~*`.'],
    ['app:\n  rules: off\n  pasword: x', 'line 3: user "app": "pasword" is none of rules, passwords.'],
    ['app:\n  rules: off\n  passwords: x', /^line 3: user "app": `passwords` has to be a list of hashes/],
    [
      `app:\n  rules: off\n  passwords:\n    - ${HASH}\n    - open sesame`,
      'line 5: user "app": that is no hash, as `waldb users hash` makes them.',
    ],
    ['app:\n  rules: on +@al', 'line 2: user "app": it has a rule that is not known here: +@al.'],
    ['app:\n  rules: on +@all', /^line 2: user "app": it is on, and has neither a password/],
  ])('%j: its line is told, and what stands in a password never', (text, problem) => {
    const { problems } = examineUsers(text);
    expect(problems).toEqual([typeof problem === 'string' ? problem : expect.stringMatching(problem)]);
    expect(problems.join()).not.toContain('sesame');
  });

  it('every user is looked at', () => {
    expect(examineUsers('a: 1\nb:\n  rules: off\nc: 2').problems.map((text) => text.slice(0, 7))).toEqual([
      'line 1:',
      'line 4:',
    ]);
  });
});

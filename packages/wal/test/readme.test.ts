// The README's examples do what it says, as they stand there.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
const EXPECTED = ['1 order 17 paid\n', '2 2\n'];

function examples(): string[] {
  const text = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
  return [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);
}

it('every example in the README runs and prints what it should', () => {
  const found = examples();
  expect(found).toHaveLength(EXPECTED.length);
  // Inside the package, so that its own name and its dependencies are found.
  const directory = mkdtempSync(join(PACKAGE, 'test', 'readme-'));
  try {
    for (const [i, code] of found.entries()) {
      const file = join(directory, `example-${i}.mts`);
      writeFileSync(file, code);
      const result = spawnSync(process.execPath, ['--conditions=@waldb/source', '--import', 'tsx', file], {
        cwd: directory,
        encoding: 'utf8',
      });
      expect(result.stderr).toBe('');
      expect(result.stdout).toBe(EXPECTED[i]);
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

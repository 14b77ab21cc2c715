// The README's example does what it says, as it stands there.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';

const PACKAGE = fileURLToPath(new URL('..', import.meta.url));

it('the example in the README runs, and again on what it left', () => {
  const text = readFileSync(join(PACKAGE, 'README.md'), 'utf8');
  const found = [...text.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code = '']) => code);
  expect(found).toHaveLength(1);
  // Inside the package, so that its own name and its dependencies are found.
  const directory = mkdtempSync(join(PACKAGE, 'test', 'readme-'));
  try {
    const file = join(directory, 'example.mts');
    writeFileSync(file, found[0] ?? '');
    for (let nth = 0; nth < 2; nth++) {
      const result = spawnSync(process.execPath, ['--conditions=@waldb/source', '--import', 'tsx', file], {
        cwd: directory,
        encoding: 'utf8',
      });
      expect(result).toMatchObject({ stderr: '', stdout: '19780\n' });
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
});

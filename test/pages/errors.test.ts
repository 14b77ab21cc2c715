// The pages have every code that an error may have, and none that there is not.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ROOT, readPage } from './markdown.js';

/** Of a union of strings: types are gone when a program runs, so it is read out of the source. */
function codesOf(file: string, type: string): string[] {
  const source = readFileSync(join(ROOT, file), 'utf8');
  const [, union = ''] = new RegExp(`export type ${type} =\\n((?: {2}\\| '\\w+';?\\n)+)`).exec(source) ?? [];
  return [...union.matchAll(/'(\w+)'/g)].map(([, code = '']) => code);
}

/** In the first column of the tables of a section. */
function codesOnPage(page: string, heading: string): string[] {
  const [, after = ''] = readPage(page).text.split(`## ${heading}\n`);
  const [section = ''] = after.split(/^## /m);
  const cells = section.match(/^\| `[A-Z][^|]*\|/gm) ?? [];
  return cells.flatMap((cell) => [...cell.matchAll(/`([A-Z_]+)`/g)].map(([, code = '']) => code));
}

describe('errors', () => {
  it.each([
    {
      page: 'docs/server.md',
      heading: '8. Every error',
      file: 'packages/runtime/src/runtime-error.ts',
      type: 'RuntimeErrorCode',
    },
    {
      page: 'packages/wal/README.md',
      heading: 'When something goes wrong',
      file: 'packages/wal/src/wal-error.ts',
      type: 'WalErrorCode',
    },
  ])('$type: $page has each once, and no other', ({ page, heading, file, type }) => {
    const codes = codesOf(file, type);
    expect(codes.length).toBeGreaterThan(10);
    expect(codesOnPage(page, heading).sort()).toEqual(codes.sort());
  });
});

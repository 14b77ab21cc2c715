// The planted mistakes that `pnpm mutants` looks for still fit the sources they change.

import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';

interface Mutant {
  readonly name: string;
  readonly rule: string;
  readonly edits: readonly { readonly file: string; readonly from: string; readonly to: string }[];
}

const root = fileURLToPath(new URL('..', import.meta.url));
const { MUTANTS } = (await import(join(root, 'scripts/mutants/mutants.mjs'))) as { MUTANTS: Mutant[] };
const { apply, changedFiles } = (await import(join(root, 'scripts/mutants/apply.mjs'))) as {
  apply: (mutant: Mutant, root: string) => () => void;
  changedFiles: (mutant: Mutant, root: string) => Map<string, string>;
};

const copies: string[] = [];
afterEach(() => {
  for (const copy of copies.splice(0)) rmSync(copy, { recursive: true });
});

describe('mutants', () => {
  it.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))('%s changes the sources', (_, mutant) => {
    for (const [file, text] of changedFiles(mutant, root)) {
      expect(text).not.toBe(readFileSync(join(root, file), 'utf8'));
    }
  });

  it('have names of their own', () => {
    expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length);
  });

  it('are refused where their text is not there, or not only once', () => {
    const [mutant] = MUTANTS as [Mutant];
    const [edit] = mutant.edits as [Mutant['edits'][number]];
    const gone = { ...mutant, edits: [{ ...edit, from: 'no such text' }] };
    const twice = { ...mutant, edits: [{ ...edit, from: 'raft' }] };
    expect(() => changedFiles(gone, root)).toThrow(/occurs 0 times/);
    expect(() => changedFiles(twice, root)).toThrow(/occurs \d+ times/);
  });

  it('are taken back as they were applied', () => {
    const [mutant] = MUTANTS as [Mutant];
    const [{ file }] = mutant.edits as [Mutant['edits'][number]];
    const copy = mkdtempSync(join(tmpdir(), 'mutants-test-'));
    copies.push(copy);
    cpSync(join(root, dirname(file)), join(copy, dirname(file)), { recursive: true });
    const before = readFileSync(join(copy, file), 'utf8');
    const restore = apply(mutant, copy);
    expect(readFileSync(join(copy, file), 'utf8')).not.toBe(before);
    restore();
    expect(readFileSync(join(copy, file), 'utf8')).toBe(before);
  });
});

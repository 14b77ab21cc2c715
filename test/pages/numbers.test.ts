// Figures on the pages are those of bench/results: they are written by scripts/numbers.mjs, and stand nowhere else.

import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ROOT, readPage } from './markdown.js';

const MARKED = /<!-- numbers: \w+ -->[\s\S]*?<!-- \/numbers -->/g;
/** A rate, a duration or a multiple, as somebody would quote it. */
const FIGURE =
  /\d[\d.,]* *(?:SETs?|GETs?|puts|reads|entries|writes|commits)\/s|\d[\d.,]* (?:x|times) (?:etcd|Redis)|\d k SET|p(?:50|99)\D{0,8}\d/i;

let root = '';
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), 'waldb-numbers-'));
  mkdirSync(join(root, 'bench'));
  mkdirSync(join(root, 'docs'));
  cpSync(join(ROOT, 'bench/results'), join(root, 'bench/results'), { recursive: true });
  cpSync(join(ROOT, 'README.md'), join(root, 'README.md'));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function numbers(...args: readonly string[]): { status: number | null; stdout: string } {
  return spawnSync(process.execPath, [join(ROOT, 'scripts/numbers.mjs'), ...args], { encoding: 'utf8' });
}

function check(): { status: number | null; stdout: string } {
  return numbers('--check', '--root', root);
}

describe('figures', () => {
  it('of the pages are those of the files in bench/results', () => {
    expect(numbers('--check')).toMatchObject({ status: 0, stdout: '' });
  });

  it('stand in the README and in the comparison nowhere but between the marks', () => {
    for (const page of ['README.md', 'docs/comparison.md']) {
      const { text } = readPage(page);
      expect(text.match(MARKED)?.length).toBeGreaterThan(1);
      expect(FIGURE.exec(text.replaceAll(MARKED, ''))?.[0]).toBeUndefined();
    }
    expect(FIGURE.test('it does 130,000 SET/s')).toBe(true);
  });

  it('that somebody has touched up are found, and written anew', () => {
    const page = join(root, 'README.md');
    const text = readFileSync(page, 'utf8');
    const [marked = ''] = text.match(MARKED)?.slice(-1) ?? [];
    const better = marked.replace(/\| (\d)/, '| 9$1');
    expect(better).not.toBe(marked);
    writeFileSync(page, text.replace(marked, better));
    expect(check()).toMatchObject({
      status: 1,
      stdout: expect.stringContaining('README.md has other figures'),
    });
    expect(numbers('--root', root).status).toBe(0);
    expect(readFileSync(page, 'utf8')).toBe(text);
    expect(check().status).toBe(0);
  });

  it('of a run that is not there are said to be missing, and those of a quick run are not quoted', () => {
    const file = join(root, 'bench/results/latest.json');
    const result = JSON.parse(readFileSync(file, 'utf8'));
    writeFileSync(file, JSON.stringify({ ...result, isQuick: true }));
    expect(numbers('--root', root).status).toBe(1);
    rmSync(file);
    expect(numbers('--root', root).status).toBe(0);
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(
      'Not measured here yet: `npm run bench:peers` writes bench/results/latest.json.',
    );
    writeFileSync(file, JSON.stringify(result));
    expect(numbers('--root', root).status).toBe(0);
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toBe(readFileSync(join(ROOT, 'README.md'), 'utf8'));
  });
});

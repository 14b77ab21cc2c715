// Every script of packages/core/testdata is rendered whole and compared with itself. See render.ts for how to write one.

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { renderScript } from './render.js';

const TESTDATA = fileURLToPath(new URL('../../testdata', import.meta.url));
const SCRIPTS = readdirSync(TESTDATA).filter((name) => name.endsWith('.txt'));

describe('golden scripts', () => {
  it.each(SCRIPTS)('%s tells what happens', async (name) => {
    const path = join(TESTDATA, name);
    const rendered = renderScript(basename(path), readFileSync(path, 'utf8'));
    await expect(rendered).toMatchFileSnapshot(path);
  });

  it('a trace that was altered by hand is not what is rendered', () => {
    const script = readFileSync(join(TESTDATA, 'election.txt'), 'utf8');
    const altered = script.replaceAll('granted', 'refused');
    expect(altered).not.toBe(script);
    expect(renderScript('election.txt', altered)).toBe(script);
  });

  it('an unknown command is an error that names its line', () => {
    expect(() => renderScript('x.txt', '# prose\n\nvote S1\n')).toThrow(
      'x.txt:3: vote S1: there is no command vote',
    );
  });
});

// A limit or default with its number on a page, `name` (number unit), is that of the source.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { allPages, ROOT } from './markdown.js';

const UNITS: Readonly<Record<string, number>> = {
  ...{ B: 1, KiB: 2 ** 10, MiB: 2 ** 20, GiB: 2 ** 30, TiB: 2 ** 40 },
  ...{ ms: 1, s: 1000, second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 },
};
const NAMED = /`([a-z]\w*[A-Z]\w*|[A-Z][A-Z_]+)` \(([\d,]+)(?: ([A-Za-z]+?)s?)?(?=[), ])/g;

const sources = readdirSync(join(ROOT, 'packages'))
  .flatMap((folder) => filesBelow(join(ROOT, 'packages', folder, 'src')))
  .map((file) => readFileSync(file, 'utf8'))
  .join('\n');

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap(({ name, parentPath }) => {
    const path = join(parentPath, name);
    return name.endsWith('.ts') ? [path] : name.includes('.') ? [] : filesBelow(path);
  });
}

/** Products of whole numbers, powers and names of other constants; undefined for anything else. */
function evaluated(expression: string, depth = 0): number | undefined {
  if (depth > 4) return undefined;
  const factors = expression.split(' * ').map((factor) => {
    const [base = '', exponent = '1'] = factor.trim().split(' ** ');
    if (/^\d[\d_]*$/.test(base)) return Number(base.replaceAll('_', '')) ** Number(exponent);
    const [, other] = new RegExp(`const ${base}(?:: number)? = ([^;]+);`).exec(sources) ?? [];
    return /^[A-Z_]+$/.test(base) && other !== undefined ? evaluated(other, depth + 1) : undefined;
  });
  return factors.reduce(
    (product, factor) => (product === undefined || factor === undefined ? undefined : product * factor),
    1,
  );
}

/** Everything that the source ever gives this name. */
function valuesOf(name: string): number[] {
  const given = [
    ...sources.matchAll(new RegExp(`\\b${name}: ([\\w *]+?)[,;\\n]`, 'g')),
    ...sources.matchAll(new RegExp(`\\b${name}(?:: number)? = ([\\w *]+?)[,;\\n]`, 'g')),
    ...sources.matchAll(new RegExp(`\\b${name} \\?\\? ([\\w *]+?)[,;)\\n]`, 'g')),
  ];
  return given.flatMap(([, expression = '']) => evaluated(expression) ?? []);
}

interface Said {
  readonly where: string;
  readonly name: string;
  readonly value: number;
}

function saidOn(path: string, text: string): Said[] {
  return [...text.matchAll(NAMED)].map(([, name = '', number = '', unit]) => ({
    where: `${path}: ${name}`,
    name,
    value: Number(number.replaceAll(',', '')) * (unit === undefined ? 1 : (UNITS[unit] ?? 1)),
  }));
}

describe('limits on the pages', () => {
  const said = allPages().flatMap(({ path, text }) => saidOn(path, text));

  it('have the numbers of the source', () => {
    expect(said.length).toBeGreaterThan(15);
    const wrong = said.filter(({ name, value }) => !valuesOf(name).includes(value));
    expect(wrong.map(({ where, name, value }) => `${where}: ${value}, not ${valuesOf(name)}`)).toEqual([]);
  });

  it('that are wrong are found', () => {
    const [right, wrong] = saidOn('x.md', '`bulkBytesMax` (1 MiB for one) and `bulkBytesMax` (2 MiB)');
    expect(valuesOf('bulkBytesMax')).toContain(right?.value ?? 0);
    expect(valuesOf('bulkBytesMax')).not.toContain(wrong?.value ?? 0);
  });
});

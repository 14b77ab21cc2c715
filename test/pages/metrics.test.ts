// docs/metrics.md explains every name that GET /metrics of a real server has, and no other. (Types and labels of those of the
// runtime: packages/runtime/test/prometheus.test.ts.)

import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { ClusterProcess, freePorts, makeDirectory, stopAll } from '../support/cluster-process.js';
import { readPage } from './markdown.js';

afterEach(stopAll);

/** In the first column of its tables; a suffix stands for the names before it, as the page says. */
function namesOnPage(): string[] {
  const rows = readPage('docs/metrics.md').text.match(/^\| `(?:waldb|process|nodejs)_.*$/gm) ?? [];
  return rows.flatMap((row) => {
    const [, cell = ''] = row.split(' | ', 1)[0]?.split('| ') ?? [];
    const words = [...cell.matchAll(/`(\w+)(?:\{\w+\})?`/g)].map(([, word = '']) => word);
    const names = words.filter((word) => !word.startsWith('_'));
    const suffixes = words.filter((word) => word.startsWith('_') && word !== '_seconds');
    return [...names, ...names.flatMap((name) => suffixes.map((suffix) => withSuffix(name, suffix)))];
  });
}

/** Before the unit, if there is one. */
function withSuffix(name: string, suffix: string): string {
  return name.endsWith('_seconds') ? name.replace(/_seconds$/, `${suffix}_seconds`) : `${name}${suffix}`;
}

it('docs/metrics.md has every name that a server tells, and no other', async () => {
  const port = await freePorts(1);
  const cluster = new ClusterProcess({ directory: join(makeDirectory(), 'data'), port, nodes: 1 });
  await cluster.ready();
  const answer = await fetch(`http://127.0.0.1:${port + 200}/metrics`);
  const told = [...(await answer.text()).matchAll(/^# TYPE (\w+) /gm)].map(([, name = '']) => name);
  expect(told.length).toBeGreaterThan(70);
  expect(namesOnPage().sort()).toEqual(told.sort());
});

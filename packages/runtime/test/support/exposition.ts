// What a registry writes, taken apart, and what docs/metrics.md says of it.

import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

export interface Exposition {
  /** `# HELP` and `# TYPE` lines, in order. */
  readonly families: string[];
  /** By name with labels, as they are written. */
  readonly values: Map<string, number>;
}

const SAMPLE = /^(?<series>[a-z_]+(?:\{[a-z]+="[^"\\]*"(?:,[a-z]+="[^"\\]*")*\})?) (?<value>\S+)$/;

/** Takes the text format apart, strictly: a line of another shape, or a series told twice, is an error. */
export function parse(text: string): Exposition {
  const families: string[] = [];
  const values = new Map<string, number>();
  for (const line of text.split('\n')) {
    if (line === '') continue;
    if (line.startsWith('# ')) families.push(line);
    else {
      const { series, value } = SAMPLE.exec(line)?.groups ?? {};
      if (series === undefined || value === undefined) throw new Error(`not a sample: ${line}`);
      if (values.has(series)) throw new Error(`told twice: ${series}`);
      if (Number.isNaN(Number(value))) throw new Error(`not a number: ${line}`);
      values.set(series, Number(value));
    }
  }
  return { families, values };
}

export function names({ families }: Exposition): string[] {
  return families.filter((line) => line.startsWith('# TYPE')).map((line) => line.split(' ')[2] ?? '');
}

/** The labels of a series, without the bounds of buckets, by the family's name: `peer`. */
export function labelsIn({ values }: Exposition): Map<string, string> {
  const named = [...values.keys()].map((series): [string, string] => {
    const [name = '', labels = ''] = series.split('{');
    const words = [...labels.matchAll(/([a-z]+)=/g)].map(([, word]) => word).filter((word) => word !== 'le');
    return [name.replace(/_(?:bucket|sum|count)$/, ''), words.join(', ')];
  });
  return new Map(named);
}

/** The tables of docs/metrics.md: labels as they are written there, `peer` or `a, b`. */
export function metricRows(): { name: string; labels: string; type: string }[] {
  const path = fileURLToPath(new URL('../../../../docs/metrics.md', import.meta.url));
  const rows = readFileSync(path, 'utf8').matchAll(
    /^\| `(waldb_[a-z_]+)(?:\{([a-z, ]+)\})?` \| ([a-z]+) \|/gm,
  );
  return [...rows].map(([, name = '', labels = '', type = '']) => ({ name, labels, type }));
}

// Puts the results where people look for them. Only a whole run may replace `latest`: what is quoted is never a part.

import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { RunResult } from './harness/result.js';
import { reportPage } from './report/page.js';

const RESULTS = fileURLToPath(new URL('./results/', import.meta.url));

export function writeResults(
  result: RunResult,
  to: {
    readonly directory: string | undefined;
    readonly isWhole: boolean;
    /** Whose results these are; by default those of the log, the core and the servers. */
    readonly name?: string;
  },
): string[] {
  const directory = to.directory ?? RESULTS;
  mkdirSync(directory, { recursive: true });
  const before = to.name === undefined ? '' : `${to.name}-`;
  const json = join(directory, `${before}${to.isWhole ? 'latest' : 'partial'}.json`);
  writeFileSync(json, `${JSON.stringify(result, undefined, 1)}\n`);
  const page = join(directory, `${before}${to.isWhole ? 'report' : 'partial'}.html`);
  writeFileSync(page, reportPage(result));
  return [json, page];
}

// Before all tests: compiles the command line with its dashboard, and everything that it stands on, as it is published. Tests start it by
// the dozen, and a process that translates its sources first takes three times as long to be there.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export default function compileCli(): void {
  for (const args of [
    ['node_modules/typescript/bin/tsc', '-b', 'packages/cli'],
    ['packages/cli/page/build.mjs', '--if-stale'],
  ])
    execFileSync(process.execPath, args, { cwd: ROOT, stdio: 'inherit' });
}

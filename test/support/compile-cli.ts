// Before all tests: compiles the command line, and everything that it stands on, as it is published. Tests start it by
// the dozen, and a process that translates its sources first takes three times as long to be there.

import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '../..');

export default function compileCli(): void {
  execFileSync(process.execPath, [join(ROOT, 'node_modules/typescript/bin/tsc'), '-b', 'packages/cli'], {
    cwd: ROOT,
    stdio: 'inherit',
  });
}

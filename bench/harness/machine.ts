// What a figure depends on besides the code: said with every result, because a figure without it means nothing.

import { spawnSync } from 'node:child_process';
import { arch, cpus, platform, release, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export function describeMachine(fileSystem: string): Record<string, string> {
  const [cpu] = cpus();
  return {
    cpu: `${cpus().length} x ${cpu?.model.trim() || 'unknown'}`,
    memory: `${(totalmem() / 2 ** 30).toFixed(0)} GiB`,
    kernel: `${platform()} ${release()} ${arch()}`,
    node: process.version,
    fileSystem,
    syncMode:
      platform() === 'linux' ? 'O_DSYNC writes; peers and raw baselines fdatasync' : 'write, then sync',
    commit: commitName(),
  };
}

function commitName(): string {
  const commit = git('rev-parse', '--short=12', 'HEAD');
  if (commit === '') return 'unknown';
  const changed = git('status', '--porcelain', '--untracked-files=no', '--', 'packages', 'bench');
  return changed === '' ? commit : `${commit} with changes`;
}

function git(...args: readonly string[]): string {
  const { status, stdout } = spawnSync('git', args, { cwd: ROOT, encoding: 'utf8' });
  return status === 0 ? stdout.trim() : '';
}

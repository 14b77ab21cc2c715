// A mount namespace of our own: what is mounted in it nobody else sees, and it is gone when the last process in it ends. The
// whole program is started anew inside of it, since one that runs cannot enter it.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const MARK = 'WALDB_PRIVATE_MOUNTS';
/** As root; else as one who is root in there only, who may mount no devices. */
const WAYS: readonly (readonly string[])[] = [
  ['--mount', '--propagation', 'private'],
  ['--mount', '--user', '--map-root-user', '--propagation', 'private'],
];

export interface Mounts {
  readonly mayMount: boolean;
  /** ext4 on a file, by a loop device. */
  readonly mayBeExt4: boolean;
  /** Why not, if not. */
  readonly why: string;
}

/** What this process may do. */
export function presentMounts(): Mounts {
  if (process.env[MARK] === undefined)
    return {
      mayMount: false,
      mayBeExt4: false,
      why: 'mounts of our own need Linux and unshare(1), and root or user namespaces',
    };
  const mayBeExt4 = isDone('losetup', ['--find']) && isDone('mkfs.ext4', ['-V']);
  return {
    mayMount: true,
    mayBeExt4,
    why: mayBeExt4 ? '' : 'ext4 on a file needs root, loop devices and mkfs.ext4',
  };
}

/** Runs this program again with mounts of its own and returns its exit code; undefined where it is to go on as it is. */
export async function againWithOwnMounts(): Promise<number | undefined> {
  if (process.env[MARK] !== undefined) return undefined;
  const way = WAYS.find((options) => canMount(options));
  if (way === undefined) return undefined;
  const args = [...way, process.execPath, ...process.execArgv, ...process.argv.slice(1)];
  const child = spawn('unshare', args, { stdio: 'inherit', env: { ...process.env, [MARK]: '1' } });
  // Ctrl-C reaches both; a signal that is sent to this process alone has to be passed on.
  process.on('SIGINT', () => {});
  process.on('SIGTERM', () => child.kill('SIGTERM'));
  return new Promise((resolve) => {
    child.on('close', (code) => resolve(code ?? 1));
  });
}

function canMount(options: readonly string[]): boolean {
  const place = mkdtempSync(join(tmpdir(), 'waldb-mount-'));
  try {
    return isDone('unshare', [...options, 'mount', '-t', 'tmpfs', 'none', place]);
  } finally {
    rmdirSync(place);
  }
}

function isDone(command: string, args: readonly string[]): boolean {
  try {
    execFileSync(command, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false; // not there, or not allowed: both mean no
  }
}

// A mount namespace of our own: what is mounted in it nobody else sees, and it is gone when the last process in it ends. The
// whole program is started anew inside of it, since one that runs cannot enter it.

import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatExt4, mountExt4 } from './ext4-file.js';

const MARK = 'WALDB_PRIVATE_MOUNTS';
/** As root; else as one who is root in there only, who may mount no devices. */
const WAYS: readonly (readonly string[])[] = [
  ['--mount', '--propagation', 'private'],
  ['--mount', '--user', '--map-root-user', '--propagation', 'private'],
];
const TRIAL_BYTES = 4 * 1024 * 1024;
const TRIAL_OPTIONS = 'data=ordered';

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
  const failure = inTrial((place) => whyNoExt4(place));
  if (failure === undefined) return { mayMount: true, mayBeExt4: true, why: '' };
  const why = `ext4 on a file needs root, loop devices and mkfs.ext4 (${failure})`;
  return { mayMount: true, mayBeExt4: false, why };
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
  const command = [...options, 'mount', '-t', 'tmpfs', 'none'];
  return inTrial((place) => whyNot(() => run('unshare', [...command, place]))) === undefined;
}

/**
 * Only doing it tells: who is root in a namespace alone finds a loop device and may not bind it, or binds it and may not
 * mount it.
 */
function whyNoExt4(place: string): string | undefined {
  const image = join(place, 'image');
  const directory = join(place, 'mounted');
  return whyNot(() => {
    formatExt4(image, TRIAL_BYTES);
    mountExt4(image, directory, TRIAL_OPTIONS);
    run('umount', [directory]);
  });
}

function inTrial<T>(attempt: (place: string) => T): T {
  const place = mkdtempSync(join(tmpdir(), 'waldb-mount-'));
  try {
    return attempt(place);
  } finally {
    rmSync(place, { recursive: true });
  }
}

/** In one line; undefined where it went well. */
function whyNot(attempt: () => void): string | undefined {
  try {
    attempt();
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const said = error.message.split('\n');
    return (said[1] ?? '') === '' ? said[0] : said[1]; // behind the command's name, what it said itself
  }
}

function run(command: string, args: readonly string[]): void {
  execFileSync(command, args, { stdio: 'pipe' });
}

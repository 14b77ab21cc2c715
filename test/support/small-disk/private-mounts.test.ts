// What the machine lets us mount is found out by doing it, and nothing of the attempt stays.

import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { presentMounts } from './private-mounts.js';

let commands: string;
let calls: string;

beforeEach(() => {
  commands = mkdtempSync(join(tmpdir(), 'waldb-commands-'));
  calls = join(commands, 'calls');
  vi.stubEnv('WALDB_PRIVATE_MOUNTS', '1');
  vi.stubEnv('PATH', `${commands}${delimiter}${process.env.PATH}`);
  command('mkfs.ext4', 'exit 0');
  command('losetup', 'echo /dev/loop-of-a-test');
  command('mount', 'exit 0');
  command('umount', 'exit 0');
});

afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(commands, { recursive: true });
});

function command(name: string, script: string): void {
  const told = `echo "${name} $*" >> ${calls}`;
  writeFileSync(join(commands, name), `#!/bin/sh\n${told}\n${script}\n`, { mode: 0o755 });
}

describe.runIf(process.platform === 'linux')('ext4 on a file is there only where it can be mounted', () => {
  it('it can', () => {
    expect(presentMounts()).toEqual({ mayMount: true, mayBeExt4: true, why: '' });
  });

  it('who is root in a user namespace alone may not bind the loop device that is found', () => {
    command(
      'losetup',
      'case "$1" in --find) echo "losetup: failed to set up loop device: Permission denied" >&2; exit 1;; esac',
    );
    expect(presentMounts()).toEqual({
      mayMount: true,
      mayBeExt4: false,
      why: 'ext4 on a file needs root, loop devices and mkfs.ext4 (losetup: failed to set up loop device: Permission denied)',
    });
  });

  it('root without CAP_SYS_ADMIN binds it and may not mount it: then it is given back', () => {
    command('mount', 'echo "mount: permission denied." >&2; exit 32');
    expect(presentMounts().why).toContain('(mount: permission denied.)');
    expect(readFileSync(calls, 'utf8')).toContain('losetup --detach /dev/loop-of-a-test');
  });

  it('nothing is tried outside of a mount namespace of our own', () => {
    vi.stubEnv('WALDB_PRIVATE_MOUNTS', undefined);
    expect(presentMounts()).toMatchObject({ mayMount: false, mayBeExt4: false });
    expect(existsSync(calls)).toBe(false);
  });
});

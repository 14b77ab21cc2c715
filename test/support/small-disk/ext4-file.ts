// ext4 in a file, mounted by a loop device: which commands that takes. Leaves no loop device behind, whatever fails: the
// namespace that takes mounts with it does not take those.

import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, truncateSync } from 'node:fs';

export function formatExt4(image: string, bytes: number): void {
  closeSync(openSync(image, 'w'));
  truncateSync(image, bytes);
  execFileSync('mkfs.ext4', ['-q', '-F', '-m', '0', image], { stdio: 'pipe' });
}

/** Mounts it at `directory`, which is made if need be; returns the device, which goes when that is unmounted. */
export function mountExt4(image: string, directory: string, options: string): string {
  mkdirSync(directory, { recursive: true });
  const device = execFileSync('losetup', ['--find', '--show', image], {
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim();
  try {
    execFileSync('mount', ['-o', options, device, directory], { stdio: 'pipe' });
  } finally {
    execFileSync('losetup', ['--detach', device]); // at once, or once it is unmounted
  }
  return device;
}

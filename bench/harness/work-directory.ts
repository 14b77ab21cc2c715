// Where benchmarks put their data: a real disk, a directory of their own, removed whatever happens. A file system in
// memory is refused: on one, a sync costs nothing and every ratio is a lie.

import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const IN_MEMORY = ['tmpfs', 'ramfs', 'devtmpfs'];
const DEFAULT_PARENT = fileURLToPath(new URL('../.work/', import.meta.url));

export interface WorkDirectory {
  readonly path: string;
  readonly fileSystem: string;
  /** A new directory in it. */
  make(name: string): string;
  remove(): void;
}

export function openWorkDirectory(parent: string = process.env.BENCH_DIR ?? DEFAULT_PARENT): WorkDirectory {
  mkdirSync(parent, { recursive: true });
  const fileSystem = fileSystemOf(parent);
  refuseMemory(parent, fileSystem);
  const path = mkdtempSync(join(parent, 'run-'));
  const remove = (): void => rmSync(path, { recursive: true, force: true });
  let made = 0;
  return {
    path,
    fileSystem,
    make(name) {
      made += 1;
      const directory = join(path, `${made}-${name}`);
      mkdirSync(directory);
      return directory;
    },
    remove,
  };
}

export function refuseMemory(path: string, fileSystem: string): void {
  if (!IN_MEMORY.includes(fileSystem)) return;
  throw new Error(
    `${path} is on ${fileSystem}, which keeps files in memory: nothing about durability can be measured there. ` +
      'Set BENCH_DIR to a directory on a disk.',
  );
}

/** The type of the file system that holds `path`, from the kernel's own table; "unknown" where there is none. */
export function fileSystemOf(path: string, mountInfo: string | undefined = readMountInfo()): string {
  if (mountInfo === undefined) return 'unknown';
  const types = new Map<string, string>();
  for (const line of mountInfo.split('\n')) {
    // id parent major:minor root MOUNTPOINT options… - TYPE source options
    const [before, after] = line.split(' - ');
    const mountPoint = before?.split(' ')[4];
    const type = after?.split(' ')[0];
    if (mountPoint !== undefined && type !== undefined) types.set(unescapeMount(mountPoint), type);
  }
  for (let at = resolve(path); ; at = dirname(at)) {
    const type = types.get(at);
    if (type !== undefined) return type;
    if (at === dirname(at)) return 'unknown';
  }
}

/** Blanks and backslashes are written in octal there. */
function unescapeMount(path: string): string {
  return path.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

function readMountInfo(): string | undefined {
  const path = '/proc/self/mountinfo';
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

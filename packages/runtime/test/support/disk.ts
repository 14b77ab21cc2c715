// The machine's file system with two switches: nothing can be written any more, or nothing that is written comes to an end.
// A call that blocks cannot be stuck in a test: servers on such a disk have `blocksForQuickDisk: false`.

import { NodeVfs, type Vfs, type VfsFile } from '@waldb/io';

export interface DiskSwitches {
  isBroken: boolean;
  /** Writes and syncs that are asked for from now on end when it is turned off again. */
  isStuck: boolean;
}

const LOOK_AGAIN_MS = 5;

export function switchableDisk(disk: DiskSwitches): Vfs {
  const real = new NodeVfs();
  const failure = () => Object.assign(new Error('the disk is broken'), { code: 'EIO' });
  const whenFree = (action: () => void): void => {
    if (disk.isStuck && !disk.isBroken) setTimeout(() => whenFree(action), LOOK_AGAIN_MS).unref();
    else action();
  };
  return withOverride<Vfs>(real, {
    open: (...args) => {
      const file = real.open(...args);
      return withOverride<VfsFile>(file, {
        write: (...write) => {
          if (disk.isBroken) throw failure();
          file.write(...write);
        },
        writeWithCallback: (chunk, position, callback) => {
          whenFree(() => {
            if (disk.isBroken) setImmediate(() => callback(failure()));
            else file.writeWithCallback(chunk, position, callback);
          });
        },
      });
    },
  });
}

/** `target` with some methods replaced; the others still run on `target` itself. */
function withOverride<T extends object>(target: T, override: Partial<T>): T {
  return new Proxy(target, {
    get(_target, name: keyof T & string) {
      if (name in override) return override[name];
      const value = target[name];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

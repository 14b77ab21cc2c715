// What is on one simulated disk: directories with their files, as programs see them and as a loss of power would leave
// them. Changes are described here and carried out by whoever runs them (fault-vfs.ts at once, ../machines with time):
// what a change does to the disk is said in one place only.

import type { SeededRandom } from '../sim/seeded-random.js';
import { reachable, SimulatedDirectory } from './simulated-directory.js';
import { SimulatedFile, type Survival } from './simulated-file.js';

export type OperationType =
  | 'create'
  | 'write'
  | 'writeDurably'
  | 'sync'
  | 'truncate'
  | 'rename'
  | 'unlink'
  | 'mkdir'
  | 'syncDirectory'
  | 'read';

/** One operation that changes the disk, in the parts between which it can fail. */
export interface DiskChange {
  readonly type: OperationType;
  readonly path: string;
  readonly position?: number;
  readonly bytes?: number;
  /** How much larger the files become. */
  readonly bytesMore?: number;
  /** What it does to what programs see. */
  readonly begin?: () => void;
  /** The same, cut short. */
  readonly beginShort?: (bytes: number) => void;
  /** Makes it durable. */
  readonly finish?: () => void;
  /** Gives up making it durable, and says nothing of it afterwards. */
  readonly lose?: () => void;
}

/** A file that was found, and how it was opened. */
export interface OpenedFile {
  readonly path: string;
  readonly file: SimulatedFile;
  readonly isDurable: boolean;
}

export class SimulatedDisk {
  readonly #directories: Map<string, SimulatedDirectory>;

  constructor(
    directories: ReadonlyMap<string, SimulatedDirectory> = new Map([['/', new SimulatedDirectory()]]),
  ) {
    this.#directories = new Map(directories);
  }

  // ---- looking ----

  isDirectory(path: string): boolean {
    return this.#directories.has(path);
  }

  list(path: string): string[] {
    return [...this.#directory(path).names.keys()].sort();
  }

  size(path: string): number | undefined {
    const { folder, name } = split(path);
    const file = this.#directories.get(folder)?.names.get(name);
    return file instanceof SimulatedFile ? file.size : undefined;
  }

  file(path: string): SimulatedFile {
    const { directory, name } = this.#split(path);
    const file = directory.names.get(name);
    if (!(file instanceof SimulatedFile)) throw systemError('ENOENT', path);
    return file;
  }

  /** Every file there is, by its path, sorted. */
  files(): string[] {
    const paths: string[] = [];
    for (const [path, { names }] of this.#directories) {
      for (const [name, entry] of names)
        if (entry !== 'directory') paths.push(`${path === '/' ? '' : path}/${name}`);
    }
    return paths.sort();
  }

  /** Of all files that have a name. */
  get usedBytes(): number {
    const files = new Set<SimulatedFile>();
    for (const { names } of this.#directories.values()) {
      for (const entry of names.values()) if (entry !== 'directory') files.add(entry);
    }
    let bytes = 0;
    for (const file of files) bytes += file.size;
    return bytes;
  }

  /** The bytes of every file in a directory as programs see them, by name. */
  contents(path: string): Map<string, Uint8Array> {
    const found = new Map<string, Uint8Array>();
    const { names } = this.#directory(path);
    for (const name of [...names.keys()].sort()) {
      const file = names.get(name);
      if (file instanceof SimulatedFile) found.set(name, file.bytes());
    }
    return found;
  }

  // ---- changes, to be carried out ----

  create(path: string): DiskChange {
    const { directory, name } = this.#split(path);
    return { type: 'create', path, begin: () => directory.link(name, new SimulatedFile()) };
  }

  mkdir(path: string): DiskChange {
    const { directory, name } = this.#split(path);
    if (directory.names.has(name)) throw systemError('EEXIST', path);
    const begin = (): void => {
      directory.link(name, 'directory');
      this.#directories.set(path, new SimulatedDirectory());
    };
    return { type: 'mkdir', path, begin };
  }

  rename(from: string, to: string): DiskChange {
    const source = this.#split(from);
    const target = this.#split(to);
    if (source.directory !== target.directory) throw systemError('EXDEV', from);
    this.file(from);
    return { type: 'rename', path: to, begin: () => source.directory.rename(source.name, target.name) };
  }

  unlink(path: string): DiskChange {
    const { directory, name } = this.#split(path);
    this.file(path);
    return { type: 'unlink', path, begin: () => directory.unlink(name) };
  }

  syncDirectory(path: string): DiskChange {
    const directory = this.#directory(path);
    return { type: 'syncDirectory', path, finish: () => directory.sync() };
  }

  /** A durable write that is cut off by a loss of power, or fails, leaves what an ordinary one would. */
  write({ path, file, isDurable }: OpenedFile, bytes: Uint8Array, position: number): DiskChange {
    return {
      type: isDurable ? 'writeDurably' : 'write',
      path,
      position,
      bytes: bytes.length,
      bytesMore: Math.max(0, position + bytes.length - file.size),
      begin: () => file.write(bytes, position),
      beginShort: (count) => file.write(bytes.subarray(0, count), position),
      ...(isDurable && { finish: () => file.makeDurable(bytes, position), lose: () => file.failSync() }),
    };
  }

  sync({ path, file }: OpenedFile): DiskChange {
    return { type: 'sync', path, finish: () => file.sync(), lose: () => file.failSync() };
  }

  truncate({ path, file }: OpenedFile, length: number): DiskChange {
    return { type: 'truncate', path, begin: () => file.truncate(length) };
  }

  // ---- what the world does to it ----

  /** Changes bytes behind everybody's back, durably: what a failing disk does. */
  damage(path: string, change: (bytes: Uint8Array) => Uint8Array): void {
    const { directory, name } = this.#split(path);
    directory.replace(name, new SimulatedFile(change(this.file(path).bytes())));
  }

  /** The disk that a loss of power leaves. */
  afterCrash(survival: Survival, random: SeededRandom): SimulatedDisk {
    const files = new Map<SimulatedFile, SimulatedFile>();
    const survivor = (file: SimulatedFile): SimulatedFile => {
      const known = files.get(file);
      if (known !== undefined) return known;
      const copy = new SimulatedFile(file.afterCrash(survival, random));
      files.set(file, copy);
      return copy;
    };
    const directories = new Map<string, SimulatedDirectory>();
    for (const [path, directory] of this.#directories) {
      directories.set(path, directory.afterCrash(survival, random, survivor));
    }
    return new SimulatedDisk(reachable(directories));
  }

  #directory(path: string): SimulatedDirectory {
    const directory = this.#directories.get(path);
    if (directory === undefined) throw systemError('ENOENT', path);
    return directory;
  }

  #split(path: string): { readonly directory: SimulatedDirectory; readonly name: string } {
    const { folder, name } = split(path);
    return { directory: this.#directory(folder), name };
  }
}

function split(path: string): { readonly folder: string; readonly name: string } {
  const slash = path.lastIndexOf('/');
  return { folder: path.slice(0, slash) || '/', name: path.slice(slash + 1) };
}

export function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}

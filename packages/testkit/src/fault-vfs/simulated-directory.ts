// The names in one directory of the simulated disk, and apart from them those that would still be there after a loss
// of power. Each change since the last sync may or may not have reached the disk, one by one; a rename does so whole.

import type { SeededRandom } from '../sim/seeded-random.js';
import type { SimulatedFile, Survival } from './simulated-file.js';

export type DirectoryEntry = SimulatedFile | 'directory';

type Names = Map<string, DirectoryEntry>;
type Change = (names: Names) => void;

export class SimulatedDirectory {
  /** What programs see. */
  readonly names: Names;
  #durable: Names;
  #unsynced: Change[] = [];

  /** A directory with these names, all of them durable. */
  constructor(names: ReadonlyMap<string, DirectoryEntry> = new Map()) {
    this.names = new Map(names);
    this.#durable = new Map(names);
  }

  link(name: string, entry: DirectoryEntry): void {
    this.#apply((names) => void names.set(name, entry));
  }

  unlink(name: string): void {
    this.#apply((names) => void names.delete(name));
  }

  rename(from: string, to: string): void {
    const entry = this.names.get(from);
    if (entry === undefined) return;
    this.#apply((names) => {
      if (names.get(from) === entry) names.delete(from);
      names.set(to, entry);
    });
  }

  /** A name leads to other contents from now on, durably. */
  replace(name: string, entry: DirectoryEntry): void {
    this.names.set(name, entry);
    this.#durable.set(name, entry);
  }

  sync(): void {
    this.#durable = new Map(this.names);
    this.#unsynced = [];
  }

  /** The directory that a loss of power leaves; `survivor` gives a file's contents afterwards. */
  afterCrash(
    survival: Survival,
    random: SeededRandom,
    survivor: (file: SimulatedFile) => SimulatedFile,
  ): SimulatedDirectory {
    const names: Names = new Map(this.#durable);
    for (const change of this.#unsynced) {
      if (survival === 'everything' || (survival === 'any' && random.chance(0.5))) change(names);
    }
    for (const [name, entry] of names) if (entry !== 'directory') names.set(name, survivor(entry));
    return new SimulatedDirectory(names);
  }

  #apply(change: Change): void {
    change(this.names);
    this.#unsynced.push(change);
  }
}

/** Directories whose own entry did not survive are gone with all they hold. */
export function reachable(
  directories: ReadonlyMap<string, SimulatedDirectory>,
): Map<string, SimulatedDirectory> {
  const found = new Map<string, SimulatedDirectory>();
  for (const path of [...directories.keys()].sort()) {
    const slash = path.lastIndexOf('/');
    const parent = found.get(path.slice(0, slash) || '/');
    const isLinked = path === '/' || parent?.names.get(path.slice(slash + 1)) === 'directory';
    const directory = directories.get(path);
    if (isLinked && directory !== undefined) found.set(path, directory);
  }
  return found;
}

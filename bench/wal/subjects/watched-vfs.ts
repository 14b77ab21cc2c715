// The real file system with an eye on it: says whether a file is being made at this moment. From outside, that is how a
// segment in preparation shows.

import { type IoCallback, NodeVfs, type OpenMode, type OpenOptions, type VfsFile } from '@waldb/io';

export class WatchedVfs extends NodeVfs {
  #open = 0;
  #made = 0;

  /** Whether a file that was created is still open. */
  get isMaking(): boolean {
    return this.#open > 0;
  }

  /** Files created so far. */
  get made(): number {
    return this.#made;
  }

  override open(path: string, mode: OpenMode, options: OpenOptions = {}): VfsFile {
    const file = super.open(path, mode, options);
    if (mode !== 'create') return file;
    this.#open += 1;
    this.#made += 1;
    return new WatchedFile(file, () => {
      this.#open -= 1;
    });
  }
}

class WatchedFile implements VfsFile {
  readonly path: string;
  readonly isDurable: boolean;
  readonly #file: VfsFile;
  #onClose: (() => void) | undefined;

  constructor(file: VfsFile, onClose: () => void) {
    this.path = file.path;
    this.isDurable = file.isDurable;
    this.#file = file;
    this.#onClose = onClose;
  }

  size(): number {
    return this.#file.size();
  }

  read(target: Uint8Array, position: number): number {
    return this.#file.read(target, position);
  }

  readWithCallback(
    target: Uint8Array,
    position: number,
    callback: (error: Error | undefined, bytesRead: number) => void,
  ): void {
    this.#file.readWithCallback(target, position, callback);
  }

  write(bytes: Uint8Array, position: number): void {
    this.#file.write(bytes, position);
  }

  writeWithCallback(bytes: Uint8Array, position: number, callback: IoCallback): void {
    this.#file.writeWithCallback(bytes, position, callback);
  }

  sync(): void {
    this.#file.sync();
  }

  syncWithCallback(callback: IoCallback): void {
    this.#file.syncWithCallback(callback);
  }

  truncate(length: number): void {
    this.#file.truncate(length);
  }

  close(): void {
    this.#onClose?.();
    this.#onClose = undefined;
    this.#file.close();
  }
}

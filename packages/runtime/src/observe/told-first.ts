// The ways on which something of a server's steps gets out of its process: bytes to other servers, bytes to the disk,
// and commands to a state machine that keeps them by itself. Each tells what the trace buffer holds before it lets anything
// pass, and does nothing else; a server that is not traced has none of this.
//
// Names of files do not tell: what a rename or an unlink gives away was written before, and told then.

import type {
  ByteStream,
  Endpoint,
  IoCallback,
  Listener,
  Network,
  OpenMode,
  OpenOptions,
  RefusedPeer,
  StreamHandlers,
  Vfs,
  VfsFile,
  VfsLock,
} from '@waldb/io';
import type { StateMachine } from '../state-machine.js';
import type { TraceBuffer } from './trace-buffer.js';

export class ToldFirstNetwork implements Network {
  readonly #network: Network;
  readonly #buffer: TraceBuffer;

  constructor(network: Network, buffer: TraceBuffer) {
    this.#network = network;
    this.#buffer = buffer;
  }

  listen(
    endpoint: Endpoint,
    onStream: (stream: ByteStream) => StreamHandlers,
    onRefused?: (refused: RefusedPeer) => readonly Uint8Array[],
  ): Promise<Listener> {
    return this.#network.listen(endpoint, (stream) => onStream(this.#toldFirst(stream)), onRefused);
  }

  connect(endpoint: Endpoint, handlers: StreamHandlers): ByteStream {
    return this.#toldFirst(this.#network.connect(endpoint, handlers));
  }

  #toldFirst(stream: ByteStream): ByteStream {
    return new ToldFirstStream(stream, this.#buffer);
  }
}

class ToldFirstStream implements ByteStream {
  readonly #stream: ByteStream;
  readonly #buffer: TraceBuffer;

  constructor(stream: ByteStream, buffer: TraceBuffer) {
    this.#stream = stream;
    this.#buffer = buffer;
  }

  get remote(): string {
    return this.#stream.remote;
  }

  get identity(): ByteStream['identity'] {
    return this.#stream.identity;
  }

  write(chunks: readonly Uint8Array[]): boolean {
    this.#buffer.tell();
    return this.#stream.write(chunks);
  }

  pause(): void {
    this.#stream.pause();
  }

  resume(): void {
    this.#stream.resume();
  }

  end(): void {
    this.#stream.end();
  }

  destroy(): void {
    this.#stream.destroy();
  }
}

export class ToldFirstVfs implements Vfs {
  readonly #vfs: Vfs;
  readonly #buffer: TraceBuffer;

  constructor(vfs: Vfs, buffer: TraceBuffer) {
    this.#vfs = vfs;
    this.#buffer = buffer;
  }

  open(path: string, mode: OpenMode, options?: OpenOptions): VfsFile {
    return new ToldFirstFile(this.#vfs.open(path, mode, options), this.#buffer);
  }

  mkdir(path: string): void {
    this.#vfs.mkdir(path);
  }

  isDirectory(path: string): boolean {
    return this.#vfs.isDirectory(path);
  }

  list(path: string): string[] {
    return this.#vfs.list(path);
  }

  size(path: string): number | undefined {
    return this.#vfs.size(path);
  }

  rename(from: string, to: string): void {
    this.#vfs.rename(from, to);
  }

  renameWithCallback(from: string, to: string, callback: IoCallback): void {
    this.#vfs.renameWithCallback(from, to, callback);
  }

  unlink(path: string): void {
    this.#vfs.unlink(path);
  }

  unlinkWithCallback(path: string, callback: IoCallback): void {
    this.#vfs.unlinkWithCallback(path, callback);
  }

  syncDirectory(path: string): void {
    this.#vfs.syncDirectory(path);
  }

  syncDirectoryWithCallback(path: string, callback: IoCallback): void {
    this.#vfs.syncDirectoryWithCallback(path, callback);
  }

  lock(path: string): VfsLock {
    return this.#vfs.lock(path);
  }

  randomBytes(length: number): Uint8Array {
    return this.#vfs.randomBytes(length);
  }
}

class ToldFirstFile implements VfsFile {
  readonly #file: VfsFile;
  readonly #buffer: TraceBuffer;

  constructor(file: VfsFile, buffer: TraceBuffer) {
    this.#file = file;
    this.#buffer = buffer;
  }

  get path(): string {
    return this.#file.path;
  }

  get isDurable(): boolean {
    return this.#file.isDurable;
  }

  size(): number {
    return this.#file.size();
  }

  read(target: Uint8Array, position: number): number {
    return this.#file.read(target, position);
  }

  readWithCallback(...given: Parameters<VfsFile['readWithCallback']>): void {
    this.#file.readWithCallback(...given);
  }

  write(bytes: Uint8Array, position: number): void {
    this.#buffer.tell();
    this.#file.write(bytes, position);
  }

  writeWithCallback(bytes: Uint8Array, position: number, callback: IoCallback): void {
    this.#buffer.tell();
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
    this.#file.close();
  }
}

/** One that keeps what it has applied: the next life begins with it, and so with a commit index that must have been told. */
export function toldFirstMachine<Result>(
  machine: StateMachine<Result>,
  buffer: TraceBuffer,
): StateMachine<Result> {
  if (machine.appliedIndex === undefined) return machine;
  return {
    apply: (...given) => {
      buffer.tell();
      return machine.apply(...given);
    },
    snapshot: () => machine.snapshot(),
    restore: (stream) => {
      buffer.tell();
      return machine.restore(stream);
    },
    appliedIndex: () => machine.appliedIndex?.() ?? 0,
  };
}

// Stores on a simulated disk, images to put in them, and what a crash left.

import type { Configuration } from '@waldb/core';
import {
  SnapshotError,
  type SnapshotPosition,
  SnapshotStore,
  type SnapshotStoreOptions,
} from '@waldb/snapshot';
import {
  type Fault,
  FaultVfs,
  type FaultVfsOptions,
  type Operation,
  type OperationType,
} from '@waldb/testkit';

export const DIRECTORY = '/data/snapshots';
export const CHUNK_BYTES = 64;

export const CONFIGURATION: Configuration = {
  voters: [1, 2, 3],
  learners: [4],
  votersOutgoing: [],
  learnersNext: [],
  autoLeave: false,
  addresses: { 1: '10.0.0.1:7400', 4: 'four.example:7400' },
};

export function disk(options: FaultVfsOptions = {}): FaultVfs {
  const vfs = new FaultVfs(options);
  vfs.mkdir('/data');
  vfs.syncDirectory('/data');
  vfs.syncDirectory('/');
  vfs.operations.length = 0;
  return vfs;
}

export function open(vfs: FaultVfs, options: SnapshotStoreOptions = {}): Promise<SnapshotStore> {
  return SnapshotStore.open(DIRECTORY, { chunkBytes: CHUNK_BYTES, ...options, vfs });
}

export function at(index: number, term = 1): SnapshotPosition {
  return { index, term, configuration: CONFIGURATION };
}

export function nameOf(index: number, term = 1): string {
  return `${index.toString(16).padStart(16, '0')}-${term.toString(16).padStart(16, '0')}.snap`;
}

export function pathOf(index: number, term = 1): string {
  return `${DIRECTORY}/${nameOf(index, term)}`;
}

/** An image that is different for each index, in every chunk. */
export function imageOf(index: number, bytes: number): Uint8Array {
  return Uint8Array.from({ length: bytes }, (_, i) => (index * 37 + i + (i >>> 6) * 11) & 0xff);
}

/** A stream that gives the image in pieces of so many bytes. */
export async function* inPieces(image: Uint8Array, pieceBytes = 50): AsyncGenerator<Uint8Array> {
  for (let offset = 0; offset < image.length; offset += pieceBytes) {
    yield image.slice(offset, offset + pieceBytes);
  }
}

export async function gather(stream: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export function indexesOf(store: SnapshotStore): number[] {
  return store.list().map(({ index }) => index);
}

export function flip(vfs: FaultVfs, path: string, offset: number, mask = 0x01): void {
  vfs.damage(path, (bytes) => {
    bytes[offset] = (bytes[offset] ?? 0) ^ mask;
    return bytes;
  });
}

/** The code of the error that a call ends with; `none` when it succeeds. */
export async function codeOf(run: () => unknown): Promise<string> {
  try {
    await run();
    return 'none';
  } catch (error) {
    if (error instanceof SnapshotError) return error.code;
    throw error;
  }
}

/** The next operation of this type, on a file whose path ends so, gets this fault; once. */
export function failNext(vfs: FaultVfs, type: OperationType, ending: string, fault: Fault): void {
  vfs.faults = (operation: Operation) => {
    if (operation.type !== type || !operation.path.endsWith(ending)) return undefined;
    vfs.faults = undefined;
    return fault;
  };
}

/** A promise to be settled from outside. */
export function deferred(): { readonly promise: Promise<void>; readonly resolve: () => void } {
  let resolve: () => void = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}

// A sequence of disk operations, written once and run in either of two ways: blocking, or by one thread-pool hop per
// operation. The plan is a generator that yields steps; a failed step is thrown into it where it stands, so that the
// order of operations and what happens on failure are read in one place.

import type { IoCallback, Vfs, VfsFile } from './vfs.js';

export type IoStep =
  /** The bytes belong to the plan until it goes on. */
  | { readonly type: 'write'; readonly file: VfsFile; readonly bytes: Uint8Array; readonly position: number }
  /** A write that is on stable storage before the plan goes on. */
  | {
      readonly type: 'writeDurably';
      readonly file: VfsFile;
      readonly bytes: Uint8Array;
      readonly position: number;
    }
  | { readonly type: 'sync'; readonly file: VfsFile }
  | { readonly type: 'rename'; readonly from: string; readonly to: string }
  | { readonly type: 'unlink'; readonly path: string }
  | { readonly type: 'syncDirectory'; readonly path: string };

export type IoPlan<Result = void> = Generator<IoStep, Result, void>;

/** Runs a plan to its end before it returns. */
export function runBlocking<Result>(vfs: Vfs, plan: IoPlan<Result>): Result {
  let next = plan.next();
  while (!next.done) {
    try {
      stepBlocking(vfs, next.value);
    } catch (error) {
      next = plan.throw(error);
      continue;
    }
    next = plan.next();
  }
  return next.value;
}

/** Starts a plan at once and keeps the event loop free while the disk works. */
export function runWithCallbacks<Result>(vfs: Vfs, plan: IoPlan<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const advance = (error: Error | undefined): void => {
      let next: IteratorResult<IoStep, Result>;
      try {
        next = error === undefined ? plan.next() : plan.throw(error);
      } catch (failure) {
        reject(failure);
        return;
      }
      if (next.done) resolve(next.value);
      else stepWithCallback(vfs, next.value, advance);
    };
    advance(undefined);
  });
}

function stepBlocking(vfs: Vfs, step: IoStep): void {
  switch (step.type) {
    case 'write':
      step.file.write(step.bytes, step.position);
      break;
    case 'writeDurably':
      writeDurably(step.file, step.bytes, step.position);
      break;
    case 'sync':
      step.file.sync();
      break;
    case 'rename':
      vfs.rename(step.from, step.to);
      break;
    case 'unlink':
      vfs.unlink(step.path);
      break;
    case 'syncDirectory':
      vfs.syncDirectory(step.path);
      break;
  }
}

function stepWithCallback(vfs: Vfs, step: IoStep, callback: IoCallback): void {
  switch (step.type) {
    case 'write':
      step.file.writeWithCallback(step.bytes, step.position, callback);
      break;
    case 'writeDurably':
      writeDurablyWithCallback(step.file, step.bytes, step.position, callback);
      break;
    case 'sync':
      step.file.syncWithCallback(callback);
      break;
    case 'rename':
      vfs.renameWithCallback(step.from, step.to, callback);
      break;
    case 'unlink':
      vfs.unlinkWithCallback(step.path, callback);
      break;
    case 'syncDirectory':
      vfs.syncDirectoryWithCallback(step.path, callback);
      break;
  }
}

/** Writes, and returns once it is on stable storage. */
export function writeDurably(file: VfsFile, bytes: Uint8Array, position: number): void {
  file.write(bytes, position);
  if (!file.isDurable) file.sync();
}

/** The same, with the event loop free meanwhile. */
export function writeDurablyWithCallback(
  file: VfsFile,
  bytes: Uint8Array,
  position: number,
  callback: IoCallback,
): void {
  if (file.isDurable) {
    file.writeWithCallback(bytes, position, callback);
    return;
  }
  file.writeWithCallback(bytes, position, (error) => {
    if (error === undefined) file.syncWithCallback(callback);
    else callback(error);
  });
}

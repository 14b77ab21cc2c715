// Proof for the last write of a log that has come to rest (docs/durability.md, "Idle frames"): a little while after it, a
// frame that says so, so that damage to the last durable frame is told from a write that never finished, and a process
// that is killed while idle leaves a log that opens clean. Nobody waits for it; it must cost a busy log nothing.

import { type Clock, runBlocking, runWithCallbacks, type Timer, type Vfs } from '@waldb/io';
import type { LogWriter } from './segment/log-writer.js';

/** How long a log has to be quiet. Up to twice that passes: the timer is not set anew for every write. */
const IDLE_MS = 20;

export interface IdleProofStart {
  readonly vfs: Vfs;
  readonly clock: Clock;
  readonly writer: LogWriter;
  /** Whether nothing is being written and nobody waits for it to be. */
  readonly isQuiet: () => boolean;
  /** The write has ended. */
  readonly onEnd: (error: unknown) => void;
}

export class IdleProof {
  readonly #start: IdleProofStart;
  #timer: Timer | undefined;
  #wasTouched = false;
  #isBlocking = true;
  #inFlight: Promise<void> | undefined;
  #isStopped = false;

  constructor(start: IdleProofStart) {
    this.#start = start;
  }

  /** Whether it is writing by callback: no other write may begin, but a blocking one that cannot wait (`LogWriter.write`). */
  get isWriting(): boolean {
    return this.#inFlight !== undefined;
  }

  /** Something has become durable, by a write that blocked or by one that did not; the proof will be written alike. */
  touched(isBlocking: boolean): void {
    this.#isBlocking = isBlocking;
    if (this.#timer === undefined) this.#arm();
    else this.#wasTouched = true;
  }

  /** Writes nothing more. Resolves when what is in flight has ended. */
  stop(): Promise<void> {
    this.#isStopped = true;
    this.#timer?.cancel();
    return this.#inFlight ?? Promise.resolve();
  }

  #arm(): void {
    if (this.#isStopped) return;
    this.#wasTouched = false;
    this.#timer = this.#start.clock.setTimer(IDLE_MS, () => this.#fire(), { isBackground: true });
  }

  #fire(): void {
    this.#timer = undefined;
    if (this.#isStopped) return;
    // One at a time: the file belongs to the frame that is in flight, which a blocking write may have overtaken.
    if (this.#wasTouched || this.isWriting || !this.#start.isQuiet()) this.#arm();
    else if (!this.#start.writer.isProven) this.#write();
  }

  #write(): void {
    const { vfs, writer, onEnd } = this.#start;
    if (this.#isBlocking) {
      let failure: unknown;
      try {
        runBlocking(vfs, writer.writeIdle());
      } catch (error) {
        failure = error;
      }
      onEnd(failure);
      return;
    }
    const ended = (error: unknown): void => {
      this.#inFlight = undefined;
      onEnd(error);
    };
    this.#inFlight = runWithCallbacks(vfs, writer.writeIdle()).then(() => ended(undefined), ended);
  }
}

// Somebody's state machine, made comparable: its state is known by the image that it gives of itself. Adds nothing to what
// the machine does, and never asks it for two things at once, but for entries that are applied while an image is read,
// as a server does.

import type { LogEntry } from '@waldb/core';
import type { ApplyContext, StateMachine } from '@waldb/runtime';
import { foldBytes } from '../cluster-checks/entry-digest.js';
import type { ComparableMachine, WorkloadRead } from '../cluster-sim/workload.js';

export interface ImagedMachineOptions<Machine> {
  /** Equal for equal states, and only for those. Default: of the whole image. */
  readonly digest?: ((machine: Machine) => string) | undefined;
  readonly answer?: ((machine: Machine, read: WorkloadRead) => unknown) | undefined;
}

export class ImagedMachine<Machine extends StateMachine<unknown>> implements ComparableMachine<unknown> {
  readonly #machine: Machine;
  readonly #options: ImagedMachineOptions<Machine>;
  readonly appliedIndex?: () => number;
  /** Images that a server is reading. */
  #open = 0;
  #digest: string | undefined;

  constructor(machine: Machine, options: ImagedMachineOptions<Machine>) {
    this.#machine = machine;
    this.#options = options;
    if (machine.appliedIndex !== undefined) this.appliedIndex = () => machine.appliedIndex?.() ?? 0;
  }

  async apply(entries: readonly LogEntry[], context: ApplyContext): Promise<readonly unknown[]> {
    const results = await this.#machine.apply(entries, context);
    this.#digest = undefined;
    // While a server reads an image, a second one is more than it would ever ask for: this state is compared with none.
    if (this.#open === 0) await this.#look();
    return results;
  }

  snapshot(): AsyncIterable<Uint8Array> {
    this.#open += 1;
    return this.#counted(this.#machine.snapshot());
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    await this.#machine.restore(stream);
    await this.#look();
  }

  answer(read: WorkloadRead): unknown {
    return this.#options.answer?.(this.#machine, read);
  }

  digest(): string | undefined {
    return this.#options.digest?.(this.#machine) ?? this.#digest;
  }

  async *#counted(image: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    try {
      yield* image;
    } finally {
      this.#open -= 1;
    }
  }

  async #look(): Promise<void> {
    if (this.#options.digest !== undefined) return;
    let digest = 0;
    let bytes = 0;
    for await (const piece of this.#machine.snapshot()) {
      digest = foldBytes(digest, piece);
      bytes += piece.length;
    }
    this.#digest = `${bytes} bytes, digest ${digest}`;
  }
}

// A server's protocol trace on its way out (docs/trace-format.md): the lines of several steps are told in one piece,
// since telling costs more than a step. Must never hold a line back once anything of its step could be known to
// others or be found after a crash: whatever goes that way tells first (told-first.ts). So a process that is killed
// loses only lines of steps that have left no trace in the world either.
//
// There is no timer: a trace must not change what a simulated server does, and nobody can tell a line that is
// late from one that is early.

import type { TraceLine } from '@waldb/core';
import type { ProtocolTraceSink } from './protocol-trace.js';

/** So many lines are told whatever has left: some 100 KiB as text. */
export const TRACE_LINES_MAX = 256;

export class TraceBuffer {
  readonly #sink: ProtocolTraceSink;
  #lines: TraceLine[] = [];

  constructor(sink: ProtocolTraceSink) {
    this.#sink = sink;
  }

  add(lines: readonly TraceLine[]): void {
    for (const line of lines) this.#lines.push(line);
    if (this.#lines.length >= TRACE_LINES_MAX) this.tell();
  }

  /** Everything that is held back, now. */
  tell(): void {
    if (this.#lines.length === 0) return;
    const lines = this.#lines;
    this.#lines = [];
    this.#sink(lines);
  }
}

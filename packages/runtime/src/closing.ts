// How a server ends on purpose: nothing new is taken, what is under way is finished as far as time allows, leadership is
// handed over, and everything is closed in the order in which nothing is lost (docs/server.md, section 5).

import { windDown } from './loop/wind-down.js';
import type { CloseOptions } from './request/request-options.js';
import { RuntimeError } from './runtime-error.js';
import type { ServerParts } from './server-parts.js';

export class Closing<Result> {
  readonly #parts: ServerParts<Result>;
  readonly #timeoutMs: number;
  #done: Promise<void> | undefined;
  #reason: RuntimeError | undefined;
  /** Aborted when it shall wait for nobody. */
  readonly #hurry = new AbortController();

  /** `timeoutMs` is for whoever does not say. */
  constructor(parts: ServerParts<Result>, timeoutMs: number) {
    this.#parts = parts;
    this.#timeoutMs = timeoutMs;
  }

  /** What is answered from the first call on; undefined before. */
  get reason(): RuntimeError | undefined {
    return this.#reason;
  }

  /** Idempotent; a later call can only hurry it. Errors: those of closing the log. */
  close({ timeoutMs, signal, transfer = true }: CloseOptions): Promise<void> {
    const hurry = () => this.#hurry.abort();
    if (!transfer || signal?.aborted === true) hurry();
    signal?.addEventListener('abort', hurry, { once: true, signal: this.#hurry.signal });
    this.#done ??= this.#close(timeoutMs ?? this.#timeoutMs);
    return this.#done;
  }

  async #close(timeoutMs: number): Promise<void> {
    const closed = new RuntimeError('CLOSED', 'The server was closed.');
    this.#reason = closed;
    if (this.#parts.driver.failure === undefined) await this.#windDown(timeoutMs, closed);
    await this.#parts.close(closed);
    this.#hurry.abort();
  }

  #windDown(timeoutMs: number, closed: RuntimeError): Promise<void> {
    const { driver, nodeView, transport, clock } = this.#parts;
    driver.changes.rejectWaiting(closed);
    return windDown({
      clock,
      timeoutMs,
      signal: this.#hurry.signal,
      idle: async () => {
        await driver.proposals.idle();
        await driver.reads.idle();
      },
      status: () => nodeView.status(),
      isConnected: (id) => transport.stats().peers[id]?.state === 'connected',
      transfer: (to, deadline) => {
        const done = driver.changes.add({ type: 'transferLeadership', to }, deadline);
        driver.wake();
        return done;
      },
    });
  }
}

// What the clients of a soak did and were told: the history, and every command by what became of it.

import { HistoryWriter } from '@waldb/testkit';

/** Lists stay short, so that a read is small and a check is quick: after so many operations a key is used no more. */
const OPERATIONS_PER_KEY = 60;

export class Ledger {
  readonly history: HistoryWriter;
  readonly sent: Set<string> = new Set();
  readonly acknowledged: Set<string> = new Set();
  readonly refused: Set<string> = new Set();
  /** Operations by how they ended. */
  readonly outcomes: { ok: number; fail: number; unknown: number } = { ok: 0, fail: 0, unknown: 0 };
  readonly #keys: { name: string; uses: number }[];
  #keysMade = 0;

  constructor(options: { readonly keys: number; readonly writeLine: (line: string) => void }) {
    this.history = new HistoryWriter({ writeLine: options.writeLine, now: () => performance.now() });
    this.#keys = Array.from({ length: options.keys }, () => this.#makeKey());
  }

  /** One of the keys in use; `chance` is from 0 up to 1. */
  takeKey(chance: number): string {
    const at = Math.floor(chance * this.#keys.length);
    const key = this.#keys[at] as { name: string; uses: number }; // in bounds: chance is below 1
    key.uses += 1;
    if (key.uses >= OPERATIONS_PER_KEY) this.#keys[at] = this.#makeKey();
    return key.name;
  }

  ok(process: string, output: unknown): void {
    this.outcomes.ok += 1;
    this.history.ok(process, output);
  }

  fail(process: string): void {
    this.outcomes.fail += 1;
    this.history.fail(process);
  }

  unknown(process: string): void {
    this.outcomes.unknown += 1;
    this.history.unknown(process);
  }

  #makeKey(): { name: string; uses: number } {
    this.#keysMade += 1;
    return { name: `k${this.#keysMade}`, uses: 0 };
  }
}

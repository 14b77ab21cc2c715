// A state machine put through the simulator of whole servers: one that is right, and one that looks at the clock.

import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import type { StateMachine } from '@waldb/runtime';
import { SimulationFailure, simulate } from '@waldb/testkit';

/** Coupons, each good for a while. `timeOf` is the time that the log knows: the same on every server. */
class Coupons implements StateMachine<number> {
  #goodUntil: Record<string, number> = {};

  apply(...[entries, { timeOf }]: Parameters<StateMachine<number>['apply']>): number[] {
    return entries.map(({ command }, nth) => this.issue(Buffer.from(command).toString(), timeOf(nth)));
  }

  issue(coupon: string, now: number): number {
    this.#goodUntil[coupon] = now + 60_000;
    return this.#goodUntil[coupon];
  }

  snapshot(): AsyncIterable<Uint8Array> {
    return Readable.from([Buffer.from(JSON.stringify(this.#goodUntil))]);
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    this.#goodUntil = (await json(stream)) as Record<string, number>;
  }
}

/** The same, and wrong: each server looks at its own clock, at whatever time it happens to apply the command. */
class HastyCoupons extends Coupons {
  override issue(coupon: string): number {
    return super.issue(coupon, Date.now());
  }
}

const command = (_: unknown, number: number) => Buffer.from(`coupon-${number % 100}`);

const { counts } = await simulate({ stateMachine: () => new Coupons(), command, seeds: 3 });
console.log(`right: ${counts.runs} runs, every rule holds`);

try {
  await simulate({ stateMachine: () => new HastyCoupons(), command, seeds: 50 });
} catch (error) {
  if (!(error instanceof SimulationFailure)) throw error;
  console.log(`wrong: ${error.message}`);
}

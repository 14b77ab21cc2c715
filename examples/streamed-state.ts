// A state machine of any size: its image is streamed out while commands go on, and streamed in again at the next start.
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { LogEntry } from '@waldb/core';
import { RaftServer, type StateMachine } from '@waldb/runtime';

class Ledger implements StateMachine<number> {
  readonly #balances = new Map<string, number>();
  restored = 0;

  /** The same entries must lead to the same state everywhere: no clock, no chance, no input but the entries. */
  apply(entries: readonly LogEntry[]): number[] {
    return entries.map(({ command }) => {
      const [account = '', amount] = Buffer.from(command).toString().split(' ');
      const balance = (this.#balances.get(account) ?? 0) + Number(amount);
      this.#balances.set(account, balance);
      return balance;
    });
  }

  /** The state of this moment, though it is read later: what `apply` changes meanwhile must not show. */
  snapshot(): AsyncIterable<Uint8Array> {
    return lines([...this.#balances]);
  }

  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    this.#balances.clear();
    for await (const line of createInterface({ input: Readable.from(stream) })) {
      const [account = '', balance] = line.split(' ');
      this.#balances.set(account, Number(balance));
    }
    this.restored = this.#balances.size;
  }
}

/** One chunk at a time, as fast as the disk takes them. */
async function* lines(balances: [string, number][]): AsyncIterable<Uint8Array> {
  for (const [account, balance] of balances) yield Buffer.from(`${account} ${balance}\n`);
}

const ledger = new Ledger();
const server = await RaftServer.start({
  id: 1,
  directory: './data/streamed-state',
  bootstrap: { members: { 1: '127.0.0.1:7321' } },
  stateMachine: ledger,
});
while (!server.isLeader) await new Promise((resolve) => setTimeout(resolve, 10));
console.log('restored', ledger.restored, 'accounts');

const deposits = Array.from({ length: 1000 }, (_, i) => server.propose(Buffer.from(`account-${i} 5`)));
await Promise.all(deposits);
await server.snapshot(); // the log before it is given up; servers do this by themselves from time to time
console.log('account-0 has', await server.propose(Buffer.from('account-0 1')));
await server.close();

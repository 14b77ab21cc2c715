// Equal state machines: whoever has applied the same entries has given the same results and is in the same state, in
// every life of every server, whether it came there entry by entry or by a snapshot. A machine that looks at a clock, at
// chance or at anything but its entries is found here; and so is an image that was cut, mixed or restored by halves.
// Within a life entries come in order, each once, and a snapshot leads forward only.

import type { Index, LogEntry, NodeId } from '@waldb/core';
import type { ServerLife } from '../cluster-sim/cluster-observer.js';
import { hold } from '../invariants/invariant.js';
import type { ClusterCheck } from './cluster-check.js';
import { entryDigest, foldNumbers } from './entry-digest.js';

/** Enough of a command to recognise it by. */
interface Shown {
  readonly first: Uint8Array;
  readonly length: number;
}

/** What the first server that came by an index was seen to do there. */
interface Seen {
  readonly by: ServerLife;
  /** Of all commands that were applied up to here. */
  readonly commands: number;
  readonly command: Shown;
  readonly result: string;
  /** The state's; undefined in the middle of a batch. */
  digest: string | undefined;
}

interface Place {
  index: Index;
  /** Of all commands up to `index`; undefined after an image of a state that nobody was seen in. */
  commands: number | undefined;
}

interface Difference {
  readonly what: 'state' | 'result';
  readonly life: ServerLife;
  readonly index: Index;
  readonly seen: Seen;
  readonly first: string;
  readonly second: string;
  readonly remark?: string;
}

/** Enough to recognise a command by. */
const SHOWN_BYTES = 60;

export class ReplicatedMachines implements ClusterCheck {
  readonly name: string = 'replicated-machines';
  /** By index of the last applied command. */
  readonly #seen: Map<Index, Seen> = new Map();
  readonly #places: Map<NodeId, Place> = new Map();
  /** Indexes of `#seen`, ascending but for latecomers. */
  #highest: Index = 0;

  serverStarting(life: ServerLife): void {
    this.#places.set(life.id, { index: 0, commands: 0 });
  }

  applied(
    life: ServerLife,
    entries: readonly LogEntry[],
    results: readonly unknown[],
    after: { readonly digest: () => string | undefined },
  ): void {
    const place = this.#placeOf(life);
    if (results.length !== entries.length)
      hold(false, this.name, 'a machine gave another number of results than it was given commands', () => ({
        ...{ server: life.id, commands: entries.length, results: results.length },
      }));
    for (const [at, entry] of entries.entries()) this.#apply(life, place, entry, results[at]);
    const seen = this.#seen.get(place.index);
    if (seen === undefined) return;
    const digest = after.digest();
    seen.digest ??= digest;
    if (digest !== undefined && seen.digest !== undefined && seen.digest !== digest)
      this.#differ({ what: 'state', life, index: place.index, seen, first: seen.digest, second: digest });
  }

  restored(life: ServerLife, index: Index, digest: () => string | undefined): void {
    const place = this.#placeOf(life);
    if (index < place.index)
      hold(false, this.name, 'a snapshot led a state machine back', () => ({
        ...{ server: life.id, life: life.life, index, reached: place.index },
      }));
    const seen = this.#imageSeen(life, index, digest, 'restored');
    place.index = index;
    place.commands = index === 0 ? 0 : seen?.commands;
  }

  snapshotTaken(life: ServerLife, index: Index, digest: () => string | undefined): void {
    this.#imageSeen(life, index, digest, 'took');
  }

  #apply(life: ServerLife, place: Place, entry: LogEntry, given: unknown): void {
    const { index } = entry;
    if (index <= place.index)
      hold(false, this.name, 'a state machine was given an entry twice, or out of order', () => ({
        ...{ server: life.id, life: life.life, index, reached: place.index },
      }));
    const seen = this.#seen.get(index);
    const commands =
      place.commands === undefined ? seen?.commands : foldNumbers([place.commands, entryDigest(entry)]);
    place.index = index;
    place.commands = commands;
    const result = asText(given);
    if (seen !== undefined) {
      if (seen.commands !== commands)
        hold(
          false,
          this.name,
          `servers ${seen.by.id} and ${life.id} were given different commands up to index ${index}`,
          () => ({
            ...{ index, first: { ...seen, command: textOf(seen.command) } },
            second: { by: life, command: textOf(shown(entry)) },
          }),
        );
      if (seen.result !== result)
        this.#differ({ what: 'result', life, index, seen, first: seen.result, second: result });
    } else if (commands !== undefined) {
      this.#seen.set(index, { by: life, commands, command: shown(entry), result, digest: undefined });
      this.#highest = Math.max(this.#highest, index);
    }
  }

  /** An image of the state at `index` is that of the last command at or before it. */
  #imageSeen(
    life: ServerLife,
    index: Index,
    digest: () => string | undefined,
    how: 'restored' | 'took',
  ): Seen | undefined {
    let at = Math.min(index, this.#highest);
    while (at > 0 && !this.#seen.has(at)) at -= 1;
    const seen = this.#seen.get(at);
    if (seen === undefined) return undefined;
    const found = digest();
    seen.digest ??= found;
    if (found !== undefined && seen.digest !== undefined && seen.digest !== found)
      this.#differ({
        ...{ what: 'state', life, index: at, seen, first: seen.digest, second: found },
        remark: ` Server ${life.id} ${how} a snapshot of index ${index}.`,
      });
    return seen;
  }

  #differ({ what, life, index, seen, first, second, remark = '' }: Difference): void {
    hold(
      false,
      this.name,
      `${nameOf(seen.by)} and ${nameOf(life)} applied the same commands, and differ in their ${what} at index ${index}: ` +
        `${first} and ${second}, after the command ${textOf(seen.command)}. ${this.#agreedBefore(index)}${remark} ` +
        'A state machine must depend on its entries alone: no clock, no chance, nothing else of its own process.',
      () => ({
        index,
        command: textOf(seen.command),
        what,
        first: { ...seen.by, is: first },
        second: { ...life, is: second },
      }),
    );
  }

  #agreedBefore(index: Index): string {
    let at = index - 1;
    while (at > 0 && this.#seen.get(at)?.digest === undefined) at -= 1;
    return at === 0 ? 'Nothing was compared before that.' : `They agreed at index ${at}.`;
  }

  #placeOf(life: ServerLife): Place {
    const place = this.#places.get(life.id) ?? { index: 0, commands: 0 };
    this.#places.set(life.id, place);
    return place;
  }
}

function nameOf({ id, life }: ServerLife): string {
  return `server ${id} in its life ${life}`;
}

function asText(value: unknown): string {
  if (typeof value === 'number') return String(value);
  if (value instanceof Uint8Array) return `<${hex(value)}>`;
  return (
    JSON.stringify(value, (_key, held: unknown) =>
      held instanceof Uint8Array ? `<${hex(held)}>` : typeof held === 'bigint' ? `${held}n` : held,
    ) ?? String(value)
  );
}

/** A copy: the log owns its bytes. */
function shown({ command }: LogEntry): Shown {
  return { first: command.slice(0, SHOWN_BYTES), length: command.length };
}

/** As text where it is one. */
function textOf({ first, length }: Shown): string {
  const isText = first.every((byte) => byte >= 0x20 && byte < 0x7f);
  const text = isText ? JSON.stringify(String.fromCharCode(...first)) : `<${hex(first)}>`;
  return length > SHOWN_BYTES ? `${text} and ${length - SHOWN_BYTES} bytes more` : text;
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

// The image of a store as a stream of chunks. Where the stream is cut means nothing: a reader gets the same bytes in
// chunks of any size. Checksums are the business of who stores or sends the stream. Replicas with the same state write the same bytes.
//
//   "waldb-kv"  version:u8 = 2   logged time   term of the newest entry
//   then records in the order of keys
//                  1  key  value
//                  2  time  key  value                          a key that expires
//   then           3  token  touched:0|1  count  key ...        a watch
//   and at the end 0
//
// Keys, values and tokens are a length and bytes. Numbers and lengths are unsigned LEB128 of at most 8 bytes. Version 1 has neither
// time nor term, records 1 alone, in any order, and a key may come twice.

import { KvError } from '../kv-error.js';
import { NO_TIME, type TreeImage } from './ordered-tree.js';
import { TextReader } from './text-reader.js';
import { TextWriter } from './text-writer.js';
import type { SavedWatch } from './watch-table.js';

const MAGIC = 'waldb-kv';
const VERSION = 2;
const VERSION_WITHOUT_TIME = 1;
const TAG = { end: 0, plain: 1, expiring: 2, watch: 3 } as const;

export interface SnapshotHeader {
  readonly time: number;
  readonly term: number;
}

export interface SnapshotContents extends SnapshotHeader {
  readonly watches: readonly SavedWatch[];
  readonly image: TreeImage;
}

/** Receives what a stream holds, in the order of the stream. */
export interface SnapshotSink {
  onHeader(header: SnapshotHeader): void;
  onEntry(key: string, value: string, time: number): void;
  onWatch(watch: SavedWatch): void;
}

/** Encodes the contents in chunks of about 64 KiB, as they are asked for. */
export function* encodeSnapshot(contents: SnapshotContents): Generator<Uint8Array> {
  const writer = new TextWriter();
  writer.raw(MAGIC);
  writer.byte(VERSION);
  writer.number(contents.time);
  writer.number(contents.term);
  for (const [key, value, time] of contents.image.entries()) {
    const full = writer.makeRoom(key.length + value.length);
    if (full !== undefined) yield full;
    writer.byte(time === NO_TIME ? TAG.plain : TAG.expiring);
    if (time !== NO_TIME) writer.number(time);
    writer.text(key);
    writer.text(value);
  }
  for (const watch of contents.watches) yield* encodeWatch(writer, watch);
  writer.byte(TAG.end);
  yield writer.take();
}

function* encodeWatch(writer: TextWriter, { token, isTouched, keys }: SavedWatch): Generator<Uint8Array> {
  const full = writer.makeRoom(token.length);
  if (full !== undefined) yield full;
  writer.byte(TAG.watch);
  writer.text(token);
  writer.byte(isTouched ? 1 : 0);
  writer.number(keys.length);
  for (const key of keys) {
    const filled = writer.makeRoom(key.length);
    if (filled !== undefined) yield filled;
    writer.text(key);
  }
}

/** Hands everything in the stream to `sink`. Errors: `SNAPSHOT_INVALID`. */
export async function decodeSnapshot(stream: AsyncIterable<Uint8Array>, sink: SnapshotSink): Promise<void> {
  const decoder = new SnapshotDecoder(sink);
  for await (const chunk of stream) decoder.push(chunk);
  decoder.end();
}

class SnapshotDecoder {
  readonly #sink: SnapshotSink;
  readonly #reader = new TextReader(invalid);
  #hasHeader = false;
  #isEnded = false;

  constructor(sink: SnapshotSink) {
    this.#sink = sink;
  }

  push(chunk: Uint8Array): void {
    if (!this.#reader.push(chunk)) return;
    while (this.#reader.hasMore) {
      if (this.#isEnded) throw invalid('bytes follow the end');
      this.#reader.begin();
      if (this.#hasHeader) this.#record();
      else this.#header();
      // The record begins again when there is more of it.
      if (!this.#reader.commit()) return;
    }
  }

  end(): void {
    if (!this.#isEnded) throw invalid('the stream ends too early');
  }

  #header(): void {
    const reader = this.#reader;
    const magic = reader.raw(MAGIC.length);
    if (!reader.isShort && magic !== MAGIC) throw invalid('it is not a snapshot of this store');
    const version = reader.byte();
    if (reader.isShort) return;
    if (version !== VERSION && version !== VERSION_WITHOUT_TIME) {
      throw invalid(`version ${version} is not known here`);
    }
    const isTimed = version === VERSION;
    const header = { time: isTimed ? reader.number() : 0, term: isTimed ? reader.number() : 0 };
    if (reader.isShort) return;
    this.#sink.onHeader(header);
    this.#hasHeader = true;
  }

  #record(): void {
    const tag = this.#reader.byte();
    switch (tag) {
      case TAG.end:
        this.#isEnded = true;
        return;
      case TAG.plain:
      case TAG.expiring:
        this.#entry(tag === TAG.expiring);
        return;
      case TAG.watch:
        this.#watch();
        return;
      default:
        throw invalid(`record tag ${tag} is not known here`);
    }
  }

  #entry(isExpiring: boolean): void {
    const reader = this.#reader;
    const time = isExpiring ? reader.number() : NO_TIME;
    const key = reader.text();
    const value = reader.text();
    if (!reader.isShort) this.#sink.onEntry(key, value, time);
  }

  #watch(): void {
    const reader = this.#reader;
    const token = reader.text();
    const isTouched = reader.byte() === 1;
    const count = reader.number();
    const keys: string[] = [];
    for (let nth = 0; nth < count && !reader.isShort; nth++) keys.push(reader.text());
    if (!reader.isShort) this.#sink.onWatch({ token, isTouched, keys });
  }
}

function invalid(why: string): KvError {
  return new KvError('SNAPSHOT_INVALID', `The store's snapshot cannot be read: ${why}.`, { why });
}

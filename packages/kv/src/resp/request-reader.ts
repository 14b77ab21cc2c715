// Turns the bytes of one connection into requests, however they were cut on the way. Bytes of an incomplete request
// are kept here, in one buffer that grows with what has arrived (never with what a header announces) up to
// `requestBytesMax`.

import RedisParser from 'redis-parser';
import { splitInlineRequest } from './inline-request.js';
import type { RequestLimits } from './request-limits.js';
import { RequestScanner } from './request-scanner.js';

/** Receives what the reader finds, in order. Must not throw. */
export interface RequestSink {
  /** One request; at least one argument, each a latin1 string. `bytes` is its size on the wire. */
  request(args: string[], bytes: number): void;
  /** The input cannot be understood from here on: answer `message` and close. Nothing follows. */
  invalid(message: string): void;
}

const KEPT_BYTES_MIN = 1024;

export class RequestReader {
  readonly #sink: RequestSink;
  readonly #scanner: RequestScanner;
  readonly #parser: RedisParser;
  /** The beginning of a request that is not complete: `#kept[0 .. #keptEnd)`. */
  #kept: Buffer | undefined;
  #keptEnd = 0;
  #isBroken = false;

  constructor(sink: RequestSink, limits: RequestLimits) {
    this.#sink = sink;
    this.#scanner = new RequestScanner(limits);
    const refuse = (): void => this.#refuse('Protocol error: malformed request');
    this.#parser = new RedisParser({
      returnBuffers: true,
      returnReply: (args: Buffer[]) => this.#deliver(args),
      // The scanner lets nothing through that could lead here; if it did, the connection ends, not the process.
      returnError: refuse,
      returnFatalError: refuse,
    });
  }

  /** Bytes held for a request that is not complete yet. */
  get keptBytes(): number {
    return this.#keptEnd;
  }

  /** Takes the next bytes of the connection, and calls the sink for each request that they complete. */
  push(chunk: Buffer): void {
    if (this.#isBroken) return;
    const input = this.#keptEnd === 0 ? chunk : this.#keep(chunk, 0);
    const consumed = this.#consume(input);
    if (this.#isBroken) this.#forget();
    else if (consumed === input.length) this.#forget();
    else if (input === chunk) this.#keep(chunk, consumed);
    else this.#dropKept(consumed);
  }

  #requestBytes = 0;

  #consume(input: Buffer): number {
    let offset = 0;
    while (offset < input.length && !this.#isBroken) {
      const scanned = this.#scanner.scan(input, offset);
      switch (scanned.type) {
        case 'incomplete':
          return offset;
        case 'invalid':
          this.#refuse(scanned.message);
          return offset;
        case 'nothing':
          break;
        case 'array':
          this.#requestBytes = scanned.end - offset;
          this.#parser.execute(input.subarray(offset, scanned.end));
          break;
        case 'inline':
          this.#deliverInline(input.toString('latin1', offset, scanned.lineEnd), scanned.end - offset);
          break;
      }
      offset = scanned.end;
    }
    return offset;
  }

  #deliver(args: Buffer[]): void {
    const texts = new Array<string>(args.length);
    for (let i = 0; i < args.length; i++) {
      const argument = args[i] as Buffer; // the scanner admits bulk strings alone
      texts[i] = argument.toString('latin1');
    }
    this.#sink.request(texts, this.#requestBytes);
  }

  #deliverInline(line: string, bytes: number): void {
    const words = splitInlineRequest(line);
    if (words === undefined) this.#refuse('Protocol error: unbalanced quotes in request');
    else if (words.length > 0) this.#sink.request(words, bytes);
  }

  #refuse(message: string): void {
    this.#isBroken = true;
    this.#sink.invalid(message);
  }

  /** Appends `chunk` from `from` on to what is kept; returns all of it. */
  #keep(chunk: Buffer, from: number): Buffer {
    const end = this.#keptEnd + chunk.length - from;
    if (this.#kept === undefined || end > this.#kept.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(KEPT_BYTES_MIN, end, 2 * this.#keptEnd));
      this.#kept?.copy(grown, 0, 0, this.#keptEnd);
      this.#kept = grown;
    }
    chunk.copy(this.#kept, this.#keptEnd, from);
    this.#keptEnd = end;
    return this.#kept.subarray(0, end);
  }

  #dropKept(consumed: number): void {
    this.#kept?.copyWithin(0, consumed, this.#keptEnd);
    this.#keptEnd -= consumed;
  }

  /** An idle connection holds no buffer. */
  #forget(): void {
    this.#kept = undefined;
    this.#keptEnd = 0;
  }
}

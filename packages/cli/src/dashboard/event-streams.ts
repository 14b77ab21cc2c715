// Pages that listen: server-sent events over HTTP, as https://html.spec.whatwg.org/multipage/server-sent-events.html has
// them. Each stream begins with everything and goes on with what is new, so that a page that comes back needs nothing
// from before. Bounded: there are at most STREAMS_MAX, and a reader that does not keep up is cut off; it comes back when it
// can read.

import type { ServerResponse } from 'node:http';
import type { Clock } from '@waldb/io';
import type { Logger } from 'pino';

/** Fewer than the connections of the port, so that operators' tools always find one. */
export const STREAMS_MAX = 24;
/** What one stream may owe its reader: several times what a page is told when it opens. */
export const STREAM_BYTES_MAX: number = 4 * 1024 * 1024;
/** How long a reader may take nothing at all. */
export const STREAM_STALLED_MS_MAX = 15_000;
/** After what a browser that lost us asks again. */
const RETRY_MS = 1000;

interface Stream {
  readonly response: ServerResponse;
  /** Since when it has not taken all that it was told; undefined while it has. */
  stalledSince: number | undefined;
}

export class EventStreams {
  readonly #clock: Clock;
  readonly #logger: Pick<Logger, 'warn'>;
  readonly #streams = new Set<Stream>();
  #cut = 0;

  constructor(clock: Clock, logger: Pick<Logger, 'warn'>) {
    this.#clock = clock;
    this.#logger = logger;
  }

  get open(): number {
    return this.#streams.size;
  }

  /** Readers that were cut off since the start. */
  get cut(): number {
    return this.#cut;
  }

  get isFull(): boolean {
    return this.#streams.size >= STREAMS_MAX;
  }

  /** Begins a stream with what `first` gives once the stream counts; to be asked only while there is room. Resolves when it has ended. */
  begin(response: ServerResponse, first: () => unknown): Promise<void> {
    response.writeHead(200, {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
    });
    const stream: Stream = { response, stalledSince: undefined };
    this.#streams.add(stream);
    response.on('drain', () => {
      stream.stalledSince = undefined;
    });
    const ended = new Promise<void>((resolve) => {
      response.once('close', () => {
        this.#streams.delete(stream);
        resolve();
      });
      // Told by `close`, too; without a listener it would end the process.
      response.on('error', () => undefined);
    });
    this.#write(stream, `retry: ${RETRY_MS}\n\n`);
    this.#write(stream, eventOf('all', first()));
    return ended;
  }

  /** Tells every page. */
  tell(news: unknown): void {
    const event = eventOf('news', news);
    for (const stream of [...this.#streams]) this.#write(stream, event);
  }

  close(): void {
    for (const { response } of this.#streams) response.destroy();
  }

  #write(stream: Stream, text: string): void {
    const { response } = stream;
    if (response.destroyed || response.writableEnded) return;
    const now = this.#clock.now();
    const isStalled = stream.stalledSince !== undefined && now - stream.stalledSince > STREAM_STALLED_MS_MAX;
    if (isStalled || response.writableLength + text.length > STREAM_BYTES_MAX) {
      this.#cutOff(stream);
      return;
    }
    if (!response.write(text)) stream.stalledSince ??= now;
  }

  #cutOff(stream: Stream): void {
    this.#cut += 1;
    this.#streams.delete(stream);
    const { response } = stream;
    const facts = { event: 'pageCut', owedBytes: response.writableLength, cut: this.#cut };
    this.#logger.warn(facts, 'A page of the dashboard reads too slowly: it was cut off, and may come back.');
    response.destroy();
  }
}

/** JSON has no line breaks of its own, so one line of data it is. */
function eventOf(type: string, data: unknown): string {
  return `event: ${type}\ndata: ${JSON.stringify(data)}\n\n`;
}

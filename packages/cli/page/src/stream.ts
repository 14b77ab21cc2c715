// The page's end of the stream: server-sent events, asked for again when they end or fall silent. Says honestly what it
// has: `live` only while events come, `lost` from the moment that they do not. A page that nobody looks at gives its
// stream back after a while.

import { BEAT_MS, type DashboardState } from '../../src/dashboard/report.js';
import type { Link } from './model/verdict.js';

/** Some beats without news: something is wrong, whatever the connection says. */
const SILENT_MS_MAX: number = 3.5 * BEAT_MS;
const RETRY_MS_MIN = 500;
const RETRY_MS_MAX = 5000;
const HIDDEN_MS_MAX = 60_000;
const WHY_MS_MAX = 2000;

export interface StreamListener {
  /** `isWhole`: all that is known; else what is new. */
  onState(state: DashboardState, isWhole: boolean): void;
  onLink(link: Link): void;
}

export class Stream {
  readonly #listener: StreamListener;
  #source: EventSource | undefined;
  #link: Link = { kind: 'connecting' };
  #heardAt: number = performance.now();
  #retryMs: number = RETRY_MS_MIN;
  #retry: number | undefined;
  #hidden: number | undefined;

  constructor(listener: StreamListener) {
    this.#listener = listener;
    document.addEventListener('visibilitychange', () => this.#onVisibility());
    window.setInterval(() => this.#watch(), BEAT_MS / 2);
    this.#open();
  }

  #open(): void {
    window.clearTimeout(this.#retry);
    this.#retry = undefined;
    this.#source?.close();
    this.#heardAt = performance.now();
    const source = new EventSource('/dashboard/events');
    this.#source = source;
    source.addEventListener('all', (event) => this.#hear(event, true));
    source.addEventListener('news', (event) => this.#hear(event, false));
    source.addEventListener('error', () => void this.#lost(source));
  }

  #hear({ data }: MessageEvent<string>, isWhole: boolean): void {
    this.#heardAt = performance.now();
    this.#retryMs = RETRY_MS_MIN;
    const state = JSON.parse(data) as DashboardState; // of the server that this page is of
    if (this.#link.kind !== 'live') this.#say({ kind: 'live' });
    this.#listener.onState(state, isWhole);
  }

  async #lost(source: EventSource): Promise<void> {
    if (source !== this.#source || this.#retry !== undefined) return;
    source.close();
    // At twice the distance each time, so that a server that comes back is not run over.
    this.#retry = window.setTimeout(() => this.#open(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, RETRY_MS_MAX);
    this.#sayLost(this.#link.kind === 'lost' ? this.#link.why : undefined);
    this.#sayLost(await whyLost());
  }

  /** While it is lost already, only the reason is new. */
  #sayLost(why: string | undefined): void {
    if (this.#link.kind === 'lost') this.#say({ ...this.#link, why });
    else if (this.#retry !== undefined) this.#say({ kind: 'lost', since: this.#heardAt, why });
  }

  #say(link: Link): void {
    this.#link = link;
    this.#listener.onLink(link);
  }

  #watch(): void {
    const source = this.#source;
    const isSilent = performance.now() - this.#heardAt > SILENT_MS_MAX;
    if (source !== undefined && isSilent) void this.#lost(source);
  }

  #onVisibility(): void {
    window.clearTimeout(this.#hidden);
    if (document.visibilityState === 'visible') {
      if (this.#source === undefined) this.#open();
      return;
    }
    this.#hidden = window.setTimeout(() => {
      window.clearTimeout(this.#retry);
      this.#retry = undefined;
      this.#source?.close();
      this.#source = undefined;
    }, HIDDEN_MS_MAX);
  }
}

/** An event source does not tell why it was refused: asked in another way. Undefined where nobody answers. */
async function whyLost(): Promise<string | undefined> {
  const abort = new AbortController();
  const patience = window.setTimeout(() => abort.abort(), WHY_MS_MAX);
  try {
    const response = await fetch('/dashboard/events', { signal: abort.signal });
    if (response.ok) {
      abort.abort();
      return undefined;
    }
    const { error } = (await response.json()) as { readonly error?: { readonly message?: string } };
    return error?.message;
  } catch {
    return undefined; // there is nothing more to be known: nobody answers
  } finally {
    window.clearTimeout(patience);
  }
}

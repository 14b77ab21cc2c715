// The network between the servers of a test, with a switch for every pair and direction: what leaves one server for
// another passes here, over real sockets, and can be cut, delayed or held back. A server takes part by its `networkOf`;
// a process of its own by dialling the ports that `listen` opens.

import {
  type ByteStream,
  type Clock,
  type Endpoint,
  formatEndpoint,
  type Listener,
  type Network,
  NetworkError,
  type StreamHandlers,
} from '@waldb/io';
import type { FlowRule } from './flow.js';
import { LinkedStream } from './linked-stream.js';

export type LinkRule = FlowRule | { readonly type: 'cut' };

const OPEN: LinkRule = { type: 'open' };

export class Links {
  readonly #network: Network;
  readonly #clock: Clock;
  /** Who listens where. */
  readonly #ids = new Map<string, number>();
  readonly #rules = new Map<string, LinkRule>();
  /** Open connections by the two ends, the dialling one first. */
  readonly #streams = new Map<string, Set<LinkedStream>>();
  readonly #listeners: Listener[] = [];

  constructor(options: { readonly network: Network; readonly clock: Clock }) {
    this.#network = options.network;
    this.#clock = options.clock;
  }

  /** Says where a server listens. What is dialled elsewhere goes there directly. */
  register(id: number, endpoint: Endpoint): void {
    this.#ids.set(formatEndpoint(endpoint), id);
  }

  get ids(): number[] {
    return [...new Set(this.#ids.values())].sort((a, b) => a - b);
  }

  /** The network as server `from` sees it. */
  networkOf(from: number): Network {
    return {
      listen: (...args) => this.#network.listen(...args),
      connect: (endpoint, ...rest) => this.#connect(from, endpoint, ...rest),
    };
  }

  /** Opens a port that leads from server `from` to the one at `endpoint`, for a server that cannot take a `Network`. */
  async listen(from: number, endpoint: Endpoint, host = '127.0.0.1'): Promise<Endpoint> {
    const listener = await this.#network.listen({ host, port: 0 }, (accepted) =>
      relay(accepted, (handlers) => this.#connect(from, endpoint, handlers)),
    );
    this.#listeners.push(listener);
    return listener.endpoint;
  }

  /** How bytes get from one server to another from now on. A cut ends the connections between the two. */
  set(from: number, to: number, rule: LinkRule): void {
    this.#rules.set(nameOf(from, to), rule);
    for (const stream of this.#between(from, to)) {
      if (rule.type === 'cut') stream.cut();
      else stream.pump();
    }
  }

  /** Both ways. */
  setBoth(one: number, other: number, rule: LinkRule): void {
    this.set(one, other, rule);
    this.set(other, one, rule);
  }

  /** Server `id` and everybody else, both ways. */
  isolate(id: number, rule: LinkRule = { type: 'cut' }): void {
    for (const other of this.ids) if (other !== id) this.setBoth(id, other, rule);
  }

  /** Those of one group reach each other, and nobody of another. A server in two groups is a bridge between them. */
  partition(groups: readonly (readonly number[])[], rule: LinkRule = { type: 'cut' }): void {
    for (const one of this.ids) {
      for (const other of this.ids) {
        if (one === other) continue;
        const isTogether = groups.some((group) => group.includes(one) && group.includes(other));
        this.set(one, other, isTogether ? OPEN : rule);
      }
    }
  }

  /** Everybody reaches everybody. */
  heal(): void {
    this.#rules.clear();
    for (const streams of this.#streams.values()) for (const stream of [...streams]) stream.pump();
  }

  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()));
    for (const streams of this.#streams.values()) for (const stream of [...streams]) stream.cut();
  }

  #connect(from: number, endpoint: Endpoint, ...rest: RestOfConnect): ByteStream {
    const to = this.#ids.get(formatEndpoint(endpoint));
    if (to === undefined) return this.#network.connect(endpoint, ...rest);
    const [handlers, ...others] = rest;
    if (this.#ruleOf(from, to).type === 'cut' || this.#ruleOf(to, from).type === 'cut') {
      return refusedStream(this.#clock, formatEndpoint(endpoint), handlers);
    }
    const name = nameOf(from, to);
    const streams = this.#streams.get(name) ?? new Set();
    this.#streams.set(name, streams);
    const stream = new LinkedStream(
      {
        clock: this.#clock,
        outward: () => this.#flowOf(from, to),
        inward: () => this.#flowOf(to, from),
        handlers,
        onGone: (gone) => streams.delete(gone),
      },
      (inner) => this.#network.connect(endpoint, inner, ...others),
    );
    streams.add(stream);
    return stream;
  }

  #ruleOf(from: number, to: number): LinkRule {
    return this.#rules.get(nameOf(from, to)) ?? OPEN;
  }

  /** The connections of a cut link are being closed: nothing passes any more. */
  #flowOf(from: number, to: number): FlowRule {
    const rule = this.#ruleOf(from, to);
    return rule.type === 'cut' ? { type: 'held' } : rule;
  }

  #between(one: number, other: number): LinkedStream[] {
    return [nameOf(one, other), nameOf(other, one)].flatMap((name) => [...(this.#streams.get(name) ?? [])]);
  }
}

type RestOfConnect = Parameters<Network['connect']> extends [Endpoint, ...infer Rest] ? Rest : never;

function nameOf(from: number, to: number): string {
  return `${from}>${to}`;
}

/** A dial that nobody answers; like a real one it fails later, not within the call. */
function refusedStream(clock: Clock, remote: string, handlers: StreamHandlers): ByteStream {
  let isDestroyed = false;
  clock.setTimer(0, () => {
    const error = new NetworkError('CONNECTION_REFUSED', 'The link is cut.', { remote });
    handlers.onClose(isDestroyed ? undefined : error);
  });
  const close = (): void => {
    isDestroyed = true;
  };
  return { remote, write: () => true, pause() {}, resume() {}, end: close, destroy: close };
}

/** Passes everything between an accepted connection and one that is dialled for it; when one ends, so does the other. */
function relay(accepted: ByteStream, dial: (handlers: StreamHandlers) => ByteStream): StreamHandlers {
  const dialled = dial({
    onData: (bytes) => {
      if (!accepted.write([bytes])) dialled.pause();
    },
    onDrain: () => accepted.resume(),
    onClose: (error) => (error === undefined ? accepted.end() : accepted.destroy()),
  });
  return {
    onData: (bytes) => {
      if (!dialled.write([bytes])) accepted.pause();
    },
    onDrain: () => dialled.resume(),
    onClose: (error) => (error === undefined ? dialled.end() : dialled.destroy()),
  };
}

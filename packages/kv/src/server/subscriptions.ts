// Who listens to which channels and patterns, on this server, and what they are told: messages of PUBLISH, and changes of keys as
// Redis names them (`__keyspace@0__:<key>`, `__keyevent@0__:<event>`). Both come from the applied log, so that
// subscribers of every server hear the same in the same order.
//
// Nothing is made ready for nobody: without subscribers the state machine is not listened to.

import { compilePattern, type Matcher } from '../operation/glob.js';
import { PushReply, type Reply } from '../resp/reply.js';
import type { StoreListener } from '../state/kv-state-machine.js';

/** What a subscriber must be able to do. */
export interface Subscriber {
  push(reply: Reply): void;
}

/** Which changes of keys are told, by the letters of `notify-keyspace-events`. */
export class KeyEventFlags {
  /** In a fixed order, as CONFIG GET tells them. */
  readonly text: string;
  readonly #isKeyspaceTold: boolean;
  readonly #isKeyeventTold: boolean;

  /** Undefined when a letter is not known. */
  static parse(letters: string): KeyEventFlags | undefined {
    return /^[AKEg$lshzxetdmn]*$/.test(letters) ? new KeyEventFlags(letters) : undefined;
  }

  private constructor(letters: string) {
    const has = (letter: string): boolean => letters.includes(letter);
    const classes = has('A') ? 'A' : ['g', '$', 'x'].filter(has).join('');
    this.#isKeyspaceTold = has('K') && classes !== '';
    this.#isKeyeventTold = has('E') && classes !== '';
    this.text = `${classes}${has('K') ? 'K' : ''}${has('E') ? 'E' : ''}`;
  }

  get isKeyspaceTold(): boolean {
    return this.#isKeyspaceTold;
  }

  get isKeyeventTold(): boolean {
    return this.#isKeyeventTold;
  }

  includes(event: string): boolean {
    if (this.text.startsWith('A')) return true;
    if (event === 'expired') return this.text.includes('x');
    return this.text.includes(STRING_EVENTS.has(event) ? '$' : 'g');
  }
}

const STRING_EVENTS = new Set(['set', 'append', 'setrange', 'incrby', 'incrbyfloat']);
const KEYSPACE_PREFIX = '__keyspace@0__:';
const KEYEVENT_PREFIX = '__keyevent@0__:';

interface PatternSubscribers {
  readonly matches: Matcher;
  readonly subscribers: Set<Subscriber>;
}

interface Own {
  readonly channels: Set<string>;
  readonly patterns: Set<string>;
}

export interface SubscriptionsOptions {
  /** Begins to listen to the state machine; ends with the function returned. */
  readonly listen: (listener: StoreListener) => () => void;
}

export class Subscriptions {
  keyEvents: KeyEventFlags = KeyEventFlags.parse('AKE') as KeyEventFlags; // known letters
  readonly #options: SubscriptionsOptions;
  readonly #channels = new Map<string, Set<Subscriber>>();
  readonly #patterns = new Map<string, PatternSubscribers>();
  readonly #own = new Map<Subscriber, Own>();
  #endListening: (() => void) | undefined;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  get patternCount(): number {
    return this.#patterns.size;
  }

  /** Clients that listen to something. */
  get subscribersCount(): number {
    return this.#own.size;
  }

  channels(): Iterable<string> {
    return this.#channels.keys();
  }

  subscriberCount(channel: string): number {
    return this.#channels.get(channel)?.size ?? 0;
  }

  /** Channels and patterns of one subscriber together. */
  countOf(subscriber: Subscriber): number {
    const own = this.#own.get(subscriber);
    return own === undefined ? 0 : own.channels.size + own.patterns.size;
  }

  channelsOf(subscriber: Subscriber): readonly string[] {
    return [...(this.#own.get(subscriber)?.channels ?? [])];
  }

  patternsOf(subscriber: Subscriber): readonly string[] {
    return [...(this.#own.get(subscriber)?.patterns ?? [])];
  }

  subscribe(subscriber: Subscriber, channel: string): void {
    this.#ownOf(subscriber).channels.add(channel);
    const subscribers = this.#channels.get(channel);
    if (subscribers === undefined) this.#channels.set(channel, new Set([subscriber]));
    else subscribers.add(subscriber);
  }

  subscribePattern(subscriber: Subscriber, pattern: string): void {
    this.#ownOf(subscriber).patterns.add(pattern);
    const present = this.#patterns.get(pattern);
    if (present !== undefined) present.subscribers.add(subscriber);
    else {
      const { matches } = compilePattern(pattern);
      this.#patterns.set(pattern, { matches, subscribers: new Set([subscriber]) });
    }
  }

  unsubscribe(subscriber: Subscriber, channel: string): void {
    this.#own.get(subscriber)?.channels.delete(channel);
    const subscribers = this.#channels.get(channel);
    subscribers?.delete(subscriber);
    if (subscribers?.size === 0) this.#channels.delete(channel);
    this.#forgetIfNone(subscriber);
  }

  unsubscribePattern(subscriber: Subscriber, pattern: string): void {
    this.#own.get(subscriber)?.patterns.delete(pattern);
    const present = this.#patterns.get(pattern);
    present?.subscribers.delete(subscriber);
    if (present?.subscribers.size === 0) this.#patterns.delete(pattern);
    this.#forgetIfNone(subscriber);
  }

  /** It is gone. */
  remove(subscriber: Subscriber): void {
    for (const channel of this.channelsOf(subscriber)) this.unsubscribe(subscriber, channel);
    for (const pattern of this.patternsOf(subscriber)) this.unsubscribePattern(subscriber, pattern);
  }

  /** How many would hear a message on this channel here. */
  receiverCount(channel: string): number {
    let count = this.subscriberCount(channel);
    for (const { matches, subscribers } of this.#patterns.values()) {
      if (matches(channel)) count += subscribers.size;
    }
    return count;
  }

  #deliver(channel: string, message: string): void {
    const subscribers = this.#channels.get(channel);
    if (subscribers !== undefined) {
      const push = new PushReply(['message', channel, message]);
      for (const subscriber of subscribers) subscriber.push(push);
    }
    for (const [pattern, { matches, subscribers: listening }] of this.#patterns) {
      if (!matches(channel)) continue;
      const push = new PushReply(['pmessage', pattern, channel, message]);
      for (const subscriber of listening) subscriber.push(push);
    }
  }

  #deliverChange(event: string, key: string): void {
    const flags = this.keyEvents;
    if (!flags.includes(event)) return;
    if (flags.isKeyspaceTold) this.#deliver(KEYSPACE_PREFIX + key, event);
    if (flags.isKeyeventTold) this.#deliver(KEYEVENT_PREFIX + event, key);
  }

  #ownOf(subscriber: Subscriber): Own {
    const present = this.#own.get(subscriber);
    if (present !== undefined) return present;
    const own: Own = { channels: new Set(), patterns: new Set() };
    this.#own.set(subscriber, own);
    this.#endListening ??= this.#options.listen({
      onChange: (event, key) => this.#deliverChange(event, key),
      onMessage: (channel, message) => this.#deliver(channel, message),
    });
    return own;
  }

  #forgetIfNone(subscriber: Subscriber): void {
    if (this.countOf(subscriber) > 0) return;
    this.#own.delete(subscriber);
    if (this.#own.size > 0) return;
    this.#endListening?.();
    this.#endListening = undefined;
  }
}

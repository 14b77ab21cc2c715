// SUBSCRIBE and its relatives. A server tells its subscribers what it applies: messages and changes of keys come to the
// subscribers of every server, in the order of the log.

import { compilePattern, PATTERN_CHARACTERS_MAX } from '../operation/glob.js';
import { OPERATION } from '../operation/operation.js';
import { ErrorReply, PushReply, type Reply, ReplySequence } from '../resp/reply.js';
import type { Command, LocalCommand } from './command.js';
import type { CommandContext } from './command-context.js';
import { container, wrongSubcommand } from './container.js';

/** Channels and patterns of one connection. */
export const SUBSCRIPTIONS_MAX = 10_000;

export const PUBSUB_COMMANDS: readonly Command[] = [
  {
    kind: 'write',
    name: 'publish',
    isFast: true,
    arity: 3,
    group: 'pubsub',
    summary: 'Sends a message to the subscribers of every server; returns how many there are on this one.',
    keys: undefined,
    prepare: (args) => ({ code: OPERATION.publish, args }),
    finish: (_, args, { subscriptions }) => subscriptions.receiverCount(args[0] as string), // the arity was checked
  },
  subscription('subscribe', -2, 'Listens to channels.', (channels, context) =>
    subscribeAll(channels, context, {
      word: 'subscribe',
      change: (channel) => context.server.subscriptions.subscribe(context.client, channel),
    }),
  ),
  subscription('psubscribe', -2, 'Listens to all channels that match patterns.', (patterns, context) =>
    subscribeAll(patterns, context, {
      word: 'psubscribe',
      change: (pattern) => context.server.subscriptions.subscribePattern(context.client, pattern),
    }),
  ),
  subscription('unsubscribe', -1, 'Ends listening to channels, or to all of them.', (channels, context) => {
    const { subscriptions } = context.server;
    const given = channels.length > 0 ? channels : subscriptions.channelsOf(context.client);
    return unsubscribeAll(given, context, {
      word: 'unsubscribe',
      change: (channel) => subscriptions.unsubscribe(context.client, channel),
    });
  }),
  subscription('punsubscribe', -1, 'Ends listening to patterns, or to all of them.', (patterns, context) => {
    const { subscriptions } = context.server;
    const given = patterns.length > 0 ? patterns : subscriptions.patternsOf(context.client);
    return unsubscribeAll(given, context, {
      word: 'punsubscribe',
      change: (pattern) => subscriptions.unsubscribePattern(context.client, pattern),
    });
  }),
  container({
    name: 'pubsub',
    group: 'pubsub',
    summary: 'Tells who listens on this server.',
    category: '',
    subcommands: [
      {
        name: 'channels',
        category: 'pubsub',
        arity: -2,
        summary: 'Channels with subscribers: [pattern].',
        run: listChannels,
      },
      {
        name: 'numsub',
        category: 'pubsub',
        arity: -2,
        summary: 'Subscribers of channels.',
        run: (channels, { server }) =>
          channels.flatMap((channel) => [channel, server.subscriptions.subscriberCount(channel)]),
      },
      {
        name: 'numpat',
        category: 'pubsub',
        arity: 2,
        summary: 'Number of patterns that are listened to.',
        run: (_, { server }) => server.subscriptions.patternCount,
      },
      {
        name: 'shardchannels',
        category: 'pubsub',
        arity: -2,
        summary: 'Always empty: there are no channels of shards.',
        run: (args) => (args.length > 1 ? wrongSubcommand('pubsub', 'shardchannels') : []),
      },
      {
        name: 'shardnumsub',
        category: 'pubsub',
        arity: -2,
        summary: 'Always 0 each: there are no channels of shards.',
        run: (channels) => channels.flatMap((channel) => [channel, 0]),
      },
    ],
  }),
];

function subscription(name: string, arity: number, summary: string, run: LocalCommand['run']): LocalCommand {
  return { kind: 'local', name, arity, group: 'pubsub', summary, run, isRefusedInTransaction: true };
}

interface Change {
  readonly word: string;
  readonly change: (name: string) => void;
}

function subscribeAll(
  names: readonly string[],
  { client, server }: CommandContext,
  { word, change }: Change,
): Reply {
  const { subscriptions } = server;
  if (subscriptions.countOf(client) + names.length > SUBSCRIPTIONS_MAX) {
    return new ErrorReply(`ERR a connection may have ${SUBSCRIPTIONS_MAX} subscriptions at most`);
  }
  if (names.some((name) => name.length > PATTERN_CHARACTERS_MAX)) {
    return new ErrorReply(`ERR names of channels may have ${PATTERN_CHARACTERS_MAX} characters at most`);
  }
  const replies = names.map((name) => {
    change(name);
    return new PushReply([word, name, subscriptions.countOf(client)]);
  });
  return new ReplySequence(replies);
}

/** Answers once even where there was nothing to end. */
function unsubscribeAll(
  names: readonly string[],
  { client, server }: CommandContext,
  { word, change }: Change,
): Reply {
  const { subscriptions } = server;
  if (names.length === 0) return new PushReply([word, null, subscriptions.countOf(client)]);
  const replies = names.map((name) => {
    change(name);
    return new PushReply([word, name, subscriptions.countOf(client)]);
  });
  return new ReplySequence(replies);
}

function listChannels(args: readonly string[], { server }: CommandContext): Reply {
  const channels = [...server.subscriptions.channels()];
  const [pattern] = args;
  if (args.length > 1) return wrongSubcommand('pubsub', 'channels');
  if (pattern === undefined) return channels;
  return channels.filter(compilePattern(pattern.slice(0, PATTERN_CHARACTERS_MAX)).matches);
}

// What a user may not do, in the words of Redis.

import { type Command, keysOf } from '../command/command.js';
import { ErrorReply } from '../resp/reply.js';
import type { User } from './users.js';

const NO_KEY_PERMISSION = new ErrorReply(
  'NOPERM this user has no permissions to access one of the keys used as arguments',
);
const NO_CHANNEL_PERMISSION = new ErrorReply(
  'NOPERM this user has no permissions to access one of the channels used as arguments',
);

const CHANNEL_RULES: Readonly<Record<string, (user: User, channel: string) => boolean>> = {
  subscribe: (user, channel) => user.mayUseChannel(channel),
  publish: (user, channel) => user.mayUseChannel(channel),
  psubscribe: (user, pattern) => user.mayUseChannelPattern(pattern),
};

/** Why a user may not send this request; undefined: it may. */
export function denialOf(user: User, command: Command, request: readonly string[]): ErrorReply | undefined {
  if (!user.mayRun(command)) {
    return new ErrorReply(`NOPERM this user has no permissions to run the '${command.name}' command`);
  }
  if (!keysOf(command, request).every((key) => user.mayUseKey(key))) return NO_KEY_PERMISSION;
  const mayUse = CHANNEL_RULES[command.name];
  const channels = command.name === 'publish' ? request.slice(1, 2) : request.slice(1);
  return mayUse === undefined || channels.every((channel) => mayUse(user, channel))
    ? undefined
    : NO_CHANNEL_PERMISSION;
}

// Commands on when keys expire.

import { EXPIRE_CONDITION, TIME_LEFT } from '../operation/expiry-operations.js';
import { OPERATION, type Operation } from '../operation/operation.js';
import { ErrorReply } from '../resp/reply.js';
import { ONE_KEY, type OperationCommand } from './command.js';
import { readTime, TIME_UNITS, type TimeUnit } from './expiry-arguments.js';

export const EXPIRY_COMMANDS: readonly OperationCommand[] = [
  expire(
    'expire',
    TIME_UNITS.EX,
    'Makes a key expire after seconds: EXPIRE key seconds [NX | XX | GT | LT].',
  ),
  expire('pexpire', TIME_UNITS.PX, 'Makes a key expire after milliseconds.'),
  expire('expireat', TIME_UNITS.EXAT, 'Makes a key expire at a time in seconds since 1970.'),
  expire('pexpireat', TIME_UNITS.PXAT, 'Makes a key expire at a time in milliseconds since 1970.'),
  {
    kind: 'write',
    name: 'persist',
    isFast: true,
    arity: 2,
    group: 'generic',
    summary: 'Makes a key stay; returns whether it would have expired.',
    keys: ONE_KEY,
    prepare: (args) => ({ code: OPERATION.persist, args }),
  },
  timeLeft('ttl', TIME_LEFT.inSeconds, 'Returns the seconds until a key expires; -1: never, -2: no key.'),
  timeLeft('pttl', '', 'Returns the milliseconds until a key expires.'),
  timeLeft(
    'expiretime',
    TIME_LEFT.inSeconds + TIME_LEFT.absolute,
    'Returns when a key expires, in seconds since 1970.',
  ),
  timeLeft('pexpiretime', TIME_LEFT.absolute, 'Returns when a key expires, in milliseconds since 1970.'),
];

function timeLeft(name: string, letters: string, summary: string): OperationCommand {
  return {
    kind: 'read',
    name,
    isFast: true,
    arity: 2,
    group: 'generic',
    summary,
    keys: ONE_KEY,
    prepare: (args) => ({ code: OPERATION.timeLeft, args: [...args, letters] }),
  };
}

function expire(name: string, unit: TimeUnit, summary: string): OperationCommand {
  return {
    kind: 'write',
    name,
    isFast: true,
    arity: -3,
    group: 'generic',
    summary,
    keys: ONE_KEY,
    prepare: (args) => prepareExpire(args, name, unit),
  };
}

const CONDITIONS: Readonly<Record<string, string>> = {
  NX: EXPIRE_CONDITION.ifNone,
  XX: EXPIRE_CONDITION.ifAny,
  GT: EXPIRE_CONDITION.ifLater,
  LT: EXPIRE_CONDITION.ifEarlier,
};

function prepareExpire(args: readonly string[], command: string, unit: TimeUnit): Operation | ErrorReply {
  const [key, text, ...words] = args as [string, string, ...string[]]; // the arity was checked
  let letters: string = unit.option;
  for (const word of words) {
    const condition = CONDITIONS[word.toUpperCase()];
    if (condition === undefined) return new ErrorReply(`ERR Unsupported option ${word.slice(0, 128)}`);
    letters += condition;
  }
  const { ifNone, ifAny, ifLater, ifEarlier } = EXPIRE_CONDITION;
  const has = (condition: string): boolean => letters.includes(condition);
  if (has(ifNone) && (has(ifAny) || has(ifLater) || has(ifEarlier))) {
    return new ErrorReply('ERR NX and XX, GT or LT options at the same time are not compatible');
  }
  if (has(ifLater) && has(ifEarlier)) {
    return new ErrorReply('ERR GT and LT options at the same time are not compatible');
  }
  const time = readTime(text, { unit, command, mayBePast: true });
  return time instanceof ErrorReply ? time : { code: OPERATION.expire, args: [key, letters, time] };
}

// Operations: what the replicas execute, in one order. A client's command becomes an operation after it was checked
// (options parsed, numbers read), so that what reaches the log is valid and what it does depends on the state alone.
//
// Codes are written to logs: a code never changes its meaning, and a new meaning takes a new code.

import type { Reply } from '../resp/reply.js';
import type { Store } from '../state/store.js';
import { incrementDecimal, incrementValue } from './counter-operations.js';
import { expireKey, persistKey, sweepExpired, timeLeft } from './expiry-operations.js';
import {
  copyKey,
  countKeys,
  deleteKeys,
  existKeys,
  removeAll,
  renameKey,
  renameKeyIfAbsent,
  typeOfKey,
} from './key-operations.js';
import { listKeys, randomKey, scanKeys } from './scan-operations.js';
import {
  appendValue,
  getAndDelete,
  getAndExpire,
  getMany,
  getValue,
  setMany,
  setManyIfAbsent,
  setValue,
  setValueRange,
  setValueWithOptions,
  valueLength,
  valueRange,
} from './string-operations.js';
import { publishMessage, settleWatch, unwatchKeys, watchKeys } from './transaction-operations.js';

/** One operation: its code, and arguments as latin1 strings. */
export interface Operation {
  readonly code: OperationCode;
  readonly args: readonly string[];
  /** Of a transaction alone: what it consists of. */
  readonly parts?: readonly Operation[];
}

export type OperationCode = (typeof OPERATION)[keyof typeof OPERATION];

/** What the arguments are is said where the operation is executed. */
export const OPERATION = {
  set: 1,
  setWithOptions: 2,
  get: 3,
  delete: 4,
  exists: 5,
  increment: 6,
  countKeys: 7,
  getAndDelete: 8,
  getAndExpire: 9,
  getMany: 10,
  setMany: 11,
  setManyIfAbsent: 12,
  append: 13,
  length: 14,
  range: 15,
  setRange: 16,
  incrementDecimal: 17,
  expire: 18,
  persist: 19,
  timeLeft: 20,
  sweep: 21,
  type: 22,
  rename: 23,
  renameIfAbsent: 24,
  copy: 25,
  removeAll: 26,
  scan: 27,
  listKeys: 28,
  randomKey: 29,
  watch: 30,
  unwatch: 31,
  /** Token of the watch or '', then the `parts`, each encoded as an entry of its own. */
  transaction: 32,
  publish: 33,
} as const;

/** Must answer, never throw, and depend on nothing but the state and the arguments. */
type Execute = (store: Store, args: readonly string[]) => Reply;

interface OperationDefinition {
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  readonly execute: Execute;
}

const exactly = (count: number, execute: Execute): OperationDefinition => ({
  argumentsMin: count,
  argumentsMax: count,
  execute,
});

const between = (argumentsMin: number, argumentsMax: number, execute: Execute): OperationDefinition => ({
  argumentsMin,
  argumentsMax,
  execute,
});

const DEFINITIONS: Readonly<Record<OperationCode, OperationDefinition>> = {
  [OPERATION.set]: exactly(2, setValue),
  [OPERATION.setWithOptions]: between(3, 5, setValueWithOptions),
  [OPERATION.get]: exactly(1, getValue),
  [OPERATION.delete]: between(1, Infinity, deleteKeys),
  [OPERATION.exists]: between(1, Infinity, existKeys),
  [OPERATION.increment]: exactly(2, incrementValue),
  [OPERATION.countKeys]: exactly(0, countKeys),
  [OPERATION.getAndDelete]: exactly(1, getAndDelete),
  [OPERATION.getAndExpire]: exactly(3, getAndExpire),
  [OPERATION.getMany]: between(1, Infinity, getMany),
  [OPERATION.setMany]: between(2, Infinity, setMany),
  [OPERATION.setManyIfAbsent]: between(2, Infinity, setManyIfAbsent),
  [OPERATION.append]: exactly(2, appendValue),
  [OPERATION.length]: exactly(1, valueLength),
  [OPERATION.range]: exactly(3, valueRange),
  [OPERATION.setRange]: exactly(3, setValueRange),
  [OPERATION.incrementDecimal]: exactly(2, incrementDecimal),
  [OPERATION.expire]: exactly(3, expireKey),
  [OPERATION.persist]: exactly(1, persistKey),
  [OPERATION.timeLeft]: exactly(2, timeLeft),
  [OPERATION.sweep]: exactly(0, sweepExpired),
  [OPERATION.type]: exactly(1, typeOfKey),
  [OPERATION.rename]: exactly(2, renameKey),
  [OPERATION.renameIfAbsent]: exactly(2, renameKeyIfAbsent),
  [OPERATION.copy]: exactly(3, copyKey),
  [OPERATION.removeAll]: exactly(0, removeAll),
  [OPERATION.scan]: exactly(3, scanKeys),
  [OPERATION.listKeys]: exactly(1, listKeys),
  [OPERATION.randomKey]: exactly(1, randomKey),
  [OPERATION.watch]: between(2, Infinity, watchKeys),
  [OPERATION.unwatch]: exactly(1, unwatchKeys),
  // Its parts are executed, not its arguments.
  [OPERATION.transaction]: between(1, Infinity, () => null),
  [OPERATION.publish]: exactly(2, publishMessage),
};

/** Executes a logged or a reading operation. */
export function execute(store: Store, operation: Operation): Reply {
  if (operation.parts !== undefined) return executeTransaction(store, operation.args, operation.parts);
  return DEFINITIONS[operation.code].execute(store, operation.args);
}

/** Whether bytes from a log name an operation that this version knows, with a possible number of arguments. */
export function isOperation(code: number, argumentCount: number): code is OperationCode {
  // The record is indexed by any number here: an unknown code gives undefined.
  const definition = (DEFINITIONS as Readonly<Record<number, OperationDefinition | undefined>>)[code];
  if (definition === undefined) return false;
  return argumentCount >= definition.argumentsMin && argumentCount <= definition.argumentsMax;
}

/** An array of the parts' replies; null, and nothing is done, when a watched key has changed. */
function executeTransaction(store: Store, args: readonly string[], parts: readonly Operation[]): Reply {
  if (!settleWatch(store, args[0] as string)) return null;
  return parts.map((part) => execute(store, part));
}

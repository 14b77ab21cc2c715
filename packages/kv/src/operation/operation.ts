// Operations: what the replicas execute, in one order. A client's command becomes an operation after it was checked
// (options parsed, numbers read), so that what reaches the log is valid and what it does depends on the state alone.
//
// Codes are written to logs: a code never changes its meaning, and a new meaning takes a new code.

import type { Reply } from '../resp/reply.js';
import type { Keyspace } from '../state/keyspace.js';
import { countKeys, deleteKeys, existKeys } from './key-operations.js';
import { getValue, incrementValue, setValue, setValueWithOptions } from './string-operations.js';

/** One operation: its code, and arguments as latin1 strings. */
export interface Operation {
  readonly code: OperationCode;
  readonly args: readonly string[];
}

export type OperationCode = (typeof OPERATION)[keyof typeof OPERATION];

export const OPERATION = {
  /** key, value */
  set: 1,
  /** key, value, options (letters of `SetOption`) */
  setWithOptions: 2,
  /** key */
  get: 3,
  /** key, ... */
  delete: 4,
  /** key, ... */
  exists: 5,
  /** key, increment */
  increment: 6,
  /** no arguments */
  countKeys: 7,
} as const;

interface OperationDefinition {
  readonly argumentsMin: number;
  readonly argumentsMax: number;
  /** Must answer, never throw, and depend on nothing but the state and the arguments. */
  readonly execute: (keyspace: Keyspace, args: readonly string[]) => Reply;
}

const DEFINITIONS: Readonly<Record<OperationCode, OperationDefinition>> = {
  [OPERATION.set]: { argumentsMin: 2, argumentsMax: 2, execute: setValue },
  [OPERATION.setWithOptions]: { argumentsMin: 3, argumentsMax: 3, execute: setValueWithOptions },
  [OPERATION.get]: { argumentsMin: 1, argumentsMax: 1, execute: getValue },
  [OPERATION.delete]: { argumentsMin: 1, argumentsMax: Infinity, execute: deleteKeys },
  [OPERATION.exists]: { argumentsMin: 1, argumentsMax: Infinity, execute: existKeys },
  [OPERATION.increment]: { argumentsMin: 2, argumentsMax: 2, execute: incrementValue },
  [OPERATION.countKeys]: { argumentsMin: 0, argumentsMax: 0, execute: countKeys },
};

/** Executes a logged or a reading operation. */
export function execute(keyspace: Keyspace, operation: Operation): Reply {
  return DEFINITIONS[operation.code].execute(keyspace, operation.args);
}

/** Whether bytes from a log name an operation that this version knows, with a possible number of arguments. */
export function isOperation(code: number, argumentCount: number): code is OperationCode {
  // The record is indexed by any number here: an unknown code gives undefined.
  const definition = (DEFINITIONS as Readonly<Record<number, OperationDefinition | undefined>>)[code];
  if (definition === undefined) return false;
  return argumentCount >= definition.argumentsMin && argumentCount <= definition.argumentsMax;
}

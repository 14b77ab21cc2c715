// The bytes of a log entry of the store: a batch of operations, executed one after the other without anything between.
//
//   operation   code:u8   count   then count times   length, bytes
//
// `count` and `length` are unsigned LEB128 of at most 5 bytes. Operations follow each other to the end of the entry. A
// transaction is one operation: behind its token each argument holds the bytes of one part, which is no transaction.

import { KvError } from '../kv-error.js';
import { isOperation, OPERATION, type Operation } from './operation.js';

const NUMBER_BYTES_MAX = 5;

/** Bytes that one operation takes in an entry. */
export function operationBytes(operation: Operation): number {
  let bytes = 1 + numberBytes(operation.args.length);
  for (const argument of operation.args) bytes += numberBytes(argument.length) + argument.length;
  return bytes;
}

/** Encodes a batch into an entry's command; `bytes` is the sum of `operationBytes`. */
export function encodeOperations(operations: readonly Operation[], bytes: number): Buffer {
  const entry = Buffer.allocUnsafe(bytes);
  let offset = 0;
  for (const { code, args } of operations) {
    entry[offset++] = code;
    offset = writeNumber(entry, offset, args.length);
    for (const argument of args) {
      offset = writeNumber(entry, offset, argument.length);
      offset += entry.write(argument, offset, 'latin1');
    }
  }
  return entry;
}

/** `token` is that of the watch that decides, '' for none. */
export function transactionOf(token: string, parts: readonly Operation[]): Operation {
  const encoded = parts.map((part) => encodeOperations([part], operationBytes(part)).toString('latin1'));
  return { code: OPERATION.transaction, args: [token, ...encoded], parts };
}

/** The operations of an entry, as copies. Errors: `ENTRY_INVALID`. */
export function decodeOperations(command: Uint8Array): Operation[] {
  const operations = decodeFlat(Buffer.from(command.buffer, command.byteOffset, command.byteLength));
  for (const [nth, { code, args }] of operations.entries()) {
    if (code === OPERATION.transaction) operations[nth] = { code, args, parts: decodeParts(args) };
  }
  return operations;
}

function decodeParts(args: readonly string[]): Operation[] {
  const parts = args.slice(1).flatMap((part) => decodeFlat(Buffer.from(part, 'latin1')));
  if (parts.some(({ code }) => code === OPERATION.transaction)) {
    throw new KvError('ENTRY_INVALID', 'A logged entry cannot be executed: a transaction holds another one.');
  }
  return parts;
}

function decodeFlat(bytes: Buffer): Operation[] {
  const cursor: Cursor = { bytes, offset: 0 };
  const operations: Operation[] = [];
  while (cursor.offset < bytes.length) operations.push(readOperation(cursor));
  return operations;
}

interface Cursor {
  readonly bytes: Buffer;
  offset: number;
}

function readOperation(cursor: Cursor): Operation {
  const code = cursor.bytes[cursor.offset++] as number; // the caller has seen that there is one
  const count = readNumber(cursor);
  // Each argument takes a byte at least: a count beyond that is refused before it is believed.
  if (count > cursor.bytes.length - cursor.offset) throw invalid(cursor, 'an operation is cut off');
  if (!isOperation(code, count))
    throw invalid(cursor, `operation ${code} of ${count} arguments is not known`);
  const args = new Array<string>(count);
  for (let nth = 0; nth < count; nth++) {
    const length = readNumber(cursor);
    const end = cursor.offset + length;
    if (end > cursor.bytes.length) throw invalid(cursor, 'an argument is cut off');
    args[nth] = cursor.bytes.toString('latin1', cursor.offset, end);
    cursor.offset = end;
  }
  return { code, args };
}

function numberBytes(value: number): number {
  let bytes = 1;
  for (let rest = value; rest > 0x7f; rest >>>= 7) bytes += 1;
  return bytes;
}

function writeNumber(target: Buffer, offset: number, value: number): number {
  let end = offset;
  let rest = value;
  while (rest > 0x7f) {
    target[end++] = (rest & 0x7f) | 0x80;
    rest >>>= 7;
  }
  target[end++] = rest;
  return end;
}

function readNumber(cursor: Cursor): number {
  let value = 0;
  let factor = 1;
  for (let nth = 0; nth < NUMBER_BYTES_MAX; nth++) {
    const byte = cursor.bytes[cursor.offset++];
    if (byte === undefined) throw invalid(cursor, 'a number is cut off');
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
    factor *= 0x80;
  }
  throw invalid(cursor, 'a number is too long');
}

function invalid(cursor: Cursor, why: string): KvError {
  return new KvError('ENTRY_INVALID', `A logged entry cannot be executed: ${why}.`, {
    why,
    offset: cursor.offset,
    bytes: cursor.bytes.length,
  });
}

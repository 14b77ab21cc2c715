// How the results of session commands are kept: encoded, since a snapshot must hold them. The default takes plain
// values only, and refuses what it could not give back unchanged.
//
//   00            undefined
//   01 <bytes>    a Uint8Array
//   02 <text>     anything that JSON gives back unchanged

/** Encodes what a state machine's `apply` gives for one entry. `decode(encode(x))` must mean to a client what `x` means. */
export interface ResultCodec<Result> {
  /** May throw for what it cannot encode: the result is then not kept, and nothing else happens. */
  encode(result: Result): Uint8Array;
  decode(bytes: Uint8Array): Result;
}

const UNDEFINED = 0;
const BYTES = 1;
const JSON_TEXT = 2;
const DEPTH_MAX = 32;

/** The default codec: `undefined`, a `Uint8Array`, or null, booleans, finite numbers, strings, arrays and plain objects of these. */
export const plainResults: ResultCodec<unknown> = {
  encode(result) {
    if (result === undefined) return Uint8Array.of(UNDEFINED);
    if (result instanceof Uint8Array) return tagged(BYTES, result);
    requirePlain(result, DEPTH_MAX);
    return tagged(JSON_TEXT, new TextEncoder().encode(JSON.stringify(result)));
  },
  decode(bytes) {
    const payload = bytes.subarray(1);
    if (bytes[0] === UNDEFINED) return undefined;
    if (bytes[0] === BYTES) return payload.slice();
    if (bytes[0] === JSON_TEXT) return JSON.parse(new TextDecoder().decode(payload));
    throw new Error(`a result of kind ${String(bytes[0])} was kept by another codec`);
  },
};

function tagged(tag: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + payload.length);
  bytes[0] = tag;
  bytes.set(payload, 1);
  return bytes;
}

/** What JSON would silently change is refused: NaN, -0, dates, maps, class instances, undefined inside. */
function requirePlain(value: unknown, depth: number): void {
  if (value === null || typeof value === 'boolean') return;
  if (typeof value === 'string') return;
  if (typeof value === 'number' && Number.isFinite(value) && !Object.is(value, -0)) return;
  if (depth > 0 && isContainer(value)) {
    for (const item of Object.values(value)) requirePlain(item, depth - 1);
    return;
  }
  throw new TypeError(`a result that holds a ${typeof value} which JSON cannot give back unchanged`);
}

function isContainer(value: unknown): value is object {
  if (Array.isArray(value)) return Object.keys(value).length === value.length;
  return (
    typeof value === 'object' &&
    value !== null &&
    Object.getPrototypeOf(value) === Object.prototype &&
    !('toJSON' in value) &&
    !Object.hasOwn(value, '__proto__')
  );
}

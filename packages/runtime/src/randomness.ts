// The little chance that a server needs: jitter, and the seed of the protocol's own generator. Repeatable from a seed;
// good for spreading timers, useless for secrets.

const TWO_32 = 2 ** 32;

/** Numbers from 0 up to 1, always the same ones for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / TWO_32;
  };
}

/** A whole number of 48 bits from six random bytes. */
export function numberFromBytes(bytes: Uint8Array): number {
  let number = 0;
  for (const byte of bytes.subarray(0, 6)) number = number * 256 + byte;
  return number;
}

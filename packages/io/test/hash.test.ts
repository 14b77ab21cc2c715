import { Sha256 } from '@waldb/io';
import { expect, it } from 'vitest';

// The first two examples of FIPS 180-4.
it.each([
  ['abc', 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'],
  [
    'abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq',
    '248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1',
  ],
])('is the SHA-256 of %s, wherever it is cut', (text, expected) => {
  const bytes = new TextEncoder().encode(text);
  for (let cut = 0; cut <= bytes.length; cut++) {
    const hash = new Sha256().update(bytes.subarray(0, cut)).update(bytes.subarray(cut));
    expect(Buffer.from(hash.digest()).toString('hex')).toBe(expected);
  }
});

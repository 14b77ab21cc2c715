// SHA-256, fed in pieces: for whole files, where a checksum of 32 bits is too weak to tell two images apart. Over
// frames and chunks, checksum.ts is faster. It blocks: about a millisecond for each 256 KiB on a slow, busy processor.

import { createHash } from 'node:crypto';

export class Sha256 {
  readonly #hash = createHash('sha256');

  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  /** The 32 bytes, once: neither method may be called again. */
  digest(): Uint8Array {
    return this.#hash.digest();
  }
}

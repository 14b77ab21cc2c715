// The METADATA file of a log that is open for writing: knows what it says and writes the next generation over the older
// slot (docs/wal-format.md, "Metadata"). When that has to happen is the writer's business.

import type { IoPlan, VfsFile } from '@waldb/io';
import { encodeMetadata, type Metadata, metadataSlotOffset } from '../format/metadata.js';

/** What the next generation says anew; identity and generation follow by themselves. */
export type MetadataChange = Omit<Metadata, 'logId' | 'kind' | 'generation'>;

export class MetadataFile {
  readonly #file: VfsFile;
  #current: Metadata;

  constructor(file: VfsFile, current: Metadata) {
    this.#file = file;
    this.#current = current;
  }

  /** The newest generation that is durable. */
  get current(): Metadata {
    return this.#current;
  }

  *write(change: MetadataChange): IoPlan {
    const { logId, kind, generation } = this.#current;
    const next: Metadata = { ...change, logId, kind, generation: generation + 1 };
    const position = metadataSlotOffset(next.generation);
    yield { type: 'writeDurably', file: this.#file, bytes: encodeMetadata(next), position };
    this.#current = next;
  }

  close(): void {
    this.#file.close();
  }
}

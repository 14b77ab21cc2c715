// What a snapshot's data holds, beginning with a byte that says which kind it is.
//
//   1   the state machine's image, whole, follows
//
// Later kinds add what must be restored beside the image, or where a streamed image is kept.

import { RuntimeError } from './runtime-error.js';

const KIND_WHOLE_IMAGE = 1;

/** Gathers an image. Errors: `SNAPSHOT_TOO_LARGE`, and whatever the machine throws. */
export async function gatherSnapshotData(
  image: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [Uint8Array.of(KIND_WHOLE_IMAGE)];
  let bytes = 1;
  for await (const chunk of image) {
    bytes += chunk.length;
    if (bytes > bytesMax) {
      throw new RuntimeError(
        'SNAPSHOT_TOO_LARGE',
        `The state machine's snapshot is larger than the ${bytesMax} bytes that are allowed.`,
        { detail: { bytesMax } },
      );
    }
    chunks.push(chunk);
  }
  const data = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    data.set(chunk, offset);
    offset += chunk.length;
  }
  return data;
}

/** The image again, as `restore` takes it. */
export async function* openSnapshotData(data: Uint8Array): AsyncIterable<Uint8Array> {
  if (data[0] !== KIND_WHOLE_IMAGE) {
    throw new Error(`the snapshot is of kind ${String(data[0])}, which this version does not know`);
  }
  yield data.subarray(1);
}

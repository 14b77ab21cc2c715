// Pulls an image out of a caller's stream, one piece at a time, and lets go of it as soon as nobody wants it any more:
// a stream that never gives its next piece cannot hold up a close.

import { invalid } from './snapshot-error.js';

/**
 * The stream's pieces until it ends or `signal` is aborted, whose reason is thrown then. What the stream throws is thrown
 * on as it is. However this ends, the stream's `return` is called where it has not ended by itself; nobody waits for it.
 */
export async function* piecesOf(
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, void> {
  const iterator = stream[Symbol.asyncIterator]();
  let isEnded = false;
  try {
    while (true) {
      const next = await nextUnlessAborted(iterator, signal);
      if (next.done === true) {
        isEnded = true;
        return;
      }
      if (!(next.value instanceof Uint8Array))
        throw invalid('A snapshot is written from a stream of byte arrays; something else was in it.', {
          type: typeof next.value,
        });
      yield next.value;
    }
  } finally {
    if (!isEnded) letGo(iterator);
  }
}

/** A listener for each piece, removed again: racing against one promise would make that one remember every piece. */
function nextUnlessAborted(
  iterator: AsyncIterator<Uint8Array>,
  signal: AbortSignal,
): Promise<IteratorResult<Uint8Array>> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort, { once: true });
    const pull = async (): Promise<IteratorResult<Uint8Array>> => iterator.next();
    pull()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function letGo(iterator: AsyncIterator<Uint8Array>): void {
  const end = async (): Promise<void> => {
    await iterator.return?.();
  };
  end().catch(() => {}); // the write has failed already, and its own reason is the one to report
}

// Which log each peer has. A peer that comes back with another one has lost what it promised: it may vote a second time
// in a term, or count as holding entries that it holds no more. It is refused until it was removed from the cluster and
// added again. Kept in a file, since we may restart between the two.

import type { NodeId } from '@waldb/core';
import type { Vfs } from '@waldb/io';
import { type Hello, type Logger, TransportError } from '@waldb/transport';
import { damaged, readSealedText, writeSealedText } from './sealed-text.js';

const HEADING = 'waldb peers 1';
/** Far more servers than any cluster has: what strangers may make us remember. */
const PEERS_MAX = 1024;

export class KnownLogs {
  readonly #vfs: Vfs;
  readonly #path: string;
  readonly #logger: Logger;
  readonly #logIds: Map<NodeId, string>;

  /** Errors: `IDENTITY_DAMAGED`, or the file system's. */
  constructor(vfs: Vfs, path: string, logger: Logger) {
    this.#vfs = vfs;
    this.#path = path;
    this.#logger = logger;
    this.#logIds = read(vfs, path);
  }

  /** Errors: `TransportError` `LOG_REPLACED`. */
  admit(hello: Hello): void {
    const known = this.#logIds.get(hello.from);
    if (known === hello.logId) return;
    if (known !== undefined) {
      throw new TransportError(
        'LOG_REPLACED',
        `Server ${hello.from} came back with another log, so it may have forgotten its votes: remove it from the cluster and add it again.`,
        { peer: hello.from, known, found: hello.logId },
      );
    }
    if (this.#logIds.size >= PEERS_MAX) return;
    this.#logIds.set(hello.from, hello.logId);
    this.#write();
  }

  /** A committed configuration without a server is what allows it to begin anew. */
  keepOnly(ids: ReadonlySet<NodeId>): void {
    const gone = [...this.#logIds.keys()].filter((id) => !ids.has(id));
    if (gone.length === 0) return;
    for (const id of gone) this.#logIds.delete(id);
    this.#write();
  }

  /** A failure is survived: what was to be written holds until this server restarts, and the next change writes it all. */
  #write(): void {
    try {
      writeSealedText(this.#vfs, this.#path, HEADING, Object.fromEntries(this.#logIds));
    } catch (error) {
      this.#logger.warn(
        { path: this.#path, error },
        `The peers' log ids could not be written: ${String(error)}.`,
      );
    }
  }
}

function read(vfs: Vfs, path: string): Map<NodeId, string> {
  const value = readSealedText(vfs, path, HEADING) ?? {};
  const logIds = new Map<NodeId, string>();
  for (const [id, logId] of Object.entries(value)) {
    if (typeof logId !== 'string') throw damaged(path, 'a field is of another type');
    logIds.set(Number(id), logId);
  }
  return logIds;
}

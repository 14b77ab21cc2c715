// Which log each member has. One that comes back with another log has lost what it promised: it may vote a second time
// in a term, or count as holding entries that it holds no more. It is refused until it was removed from the cluster and
// added again. Kept in a file, since we may restart between the two.
//
//   { "2": "<log id>", "4": "<log id>#812" }      the mark of the membership behind it, as the configuration has it
//
// The mark makes "removed and added again" visible to a server that missed both, or got them in one snapshot.

import type { Configuration, NodeId } from '@waldb/core';
import type { Vfs } from '@waldb/io';
import { type Hello, type Logger, TransportError } from '@waldb/transport';
import { memberIds } from '../membership/address-book.js';
import { markOf } from '../membership/server-address.js';
import { damaged, readSealedText, writeSealedText } from './sealed-text.js';

const HEADING = 'waldb peers 1';
/** Servers outside the configuration whose newest log is remembered until they are added; the oldest is forgotten first. */
const STRANGERS_MAX = 64;

interface KnownLog {
  readonly logId: string;
  readonly mark: string;
}

export class KnownLogs {
  readonly #vfs: Vfs;
  readonly #path: string;
  readonly #logger: Logger;
  readonly #known: Map<NodeId, KnownLog>;
  /** Whoever is no member has promised nothing yet, or nothing any more: its log may be any. */
  readonly #strangers = new Map<NodeId, string>();
  #configuration: Configuration | undefined;

  /** Errors: `IDENTITY_DAMAGED`, or the file system's. */
  constructor(vfs: Vfs, path: string, logger: Logger) {
    this.#vfs = vfs;
    this.#path = path;
    this.#logger = logger;
    this.#known = read(vfs, path);
  }

  /** In force from now on; not necessarily committed. */
  configure(configuration: Configuration): void {
    this.#configuration = configuration;
  }

  /** A committed configuration without a server, or with a newer mark of it, is what allows it to begin anew. */
  committed(configuration: Configuration): void {
    this.#configuration = configuration;
    const ids = memberIds(configuration);
    let hasChanged = false;
    for (const [id, { mark }] of this.#known) {
      if (ids.has(id) && mark === markOf(configuration.addresses[id])) continue;
      this.#known.delete(id);
      hasChanged = true;
    }
    for (const [id, logId] of this.#strangers) {
      if (!ids.has(id) || this.#known.has(id)) continue;
      this.#remember(id, logId);
      hasChanged = true;
    }
    if (hasChanged) this.#write();
  }

  /** Errors: `TransportError` `LOG_REPLACED`. */
  admit({ from, logId }: Hello): void {
    const known = this.#known.get(from);
    if (known?.logId === logId) return;
    if (known !== undefined) throw logReplaced(from, known.logId, logId);
    if (this.#configuration !== undefined && memberIds(this.#configuration).has(from)) {
      this.#remember(from, logId);
      this.#write();
      return;
    }
    this.#strangers.delete(from);
    this.#strangers.set(from, logId);
    for (const oldest of this.#strangers.keys()) {
      if (this.#strangers.size <= STRANGERS_MAX) break;
      this.#strangers.delete(oldest);
    }
  }

  #remember(id: NodeId, logId: string): void {
    this.#strangers.delete(id);
    this.#known.set(id, { logId, mark: markOf(this.#configuration?.addresses[id]) });
  }

  /** A failure is survived: what was to be written holds until this server restarts, and the next change writes it all. */
  #write(): void {
    try {
      const texts = [...this.#known].map(([id, { logId, mark }]) => [id, `${logId}${mark}`]);
      writeSealedText(this.#vfs, this.#path, HEADING, Object.fromEntries(texts));
    } catch (error) {
      this.#logger.warn(
        { path: this.#path, error },
        `The peers' log ids could not be written: ${String(error)}.`,
      );
    }
  }
}

function logReplaced(id: NodeId, known: string, found: string): TransportError {
  return new TransportError(
    'LOG_REPLACED',
    `Server ${id} came back with another log (${found.slice(0, 8)}, not ${known.slice(0, 8)}): it may have forgotten ` +
      'votes and commands, so it takes no part. Give it its directory back; or remove it from the cluster and add it ' +
      'again, with an empty directory.',
    { peer: id, known, found },
  );
}

function read(vfs: Vfs, path: string): Map<NodeId, KnownLog> {
  const value = readSealedText(vfs, path, HEADING) ?? {};
  const known = new Map<NodeId, KnownLog>();
  for (const [id, text] of Object.entries(value)) {
    if (typeof text !== 'string') throw damaged(path, 'a field is of another type');
    const mark = markOf(text);
    known.set(Number(id), { logId: text.slice(0, text.length - mark.length), mark });
  }
  return known;
}

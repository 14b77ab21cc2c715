// Which log each member has. One that comes back with another log has lost what it promised: it may vote a second time
// in a term, or count as holding entries that it holds no more. It is refused until it was removed from the cluster and
// added again. Kept in a file, since we may restart between the two.
//
//   { "2": "<log id>", "4": "<log id>#812" }      the mark of the membership behind it, as the configuration has it
//
// The mark makes "removed and added again" visible to a server that missed both, or got them in one snapshot; and a server
// that began anew tells it to those who cannot have it yet (docs/protocol.md, section 7). Our own log is among them once
// our mark is certain: a restart must not make us forget what we can prove. Must never learn from a configuration that is
// not committed, or not on our own disk.

import type { Configuration, Index, NodeId } from '@waldb/core';
import type { Vfs } from '@waldb/io';
import { type Hello, type Logger, TransportError } from '@waldb/transport';
import { memberIds } from '../membership/address-book.js';
import { markedAddress, memberSince, unmarked } from '../membership/server-address.js';
import { damaged, readSealedText, writeSealedText } from './sealed-text.js';

const HEADING = 'waldb peers 1';
/** Servers outside the configuration whose newest log is remembered until they are added; the oldest is forgotten first. */
const STRANGERS_MAX = 64;

interface KnownLog {
  readonly logId: string;
  /** The mark of the membership that this log is of; 0 for one that the cluster was founded with. */
  readonly since: Index;
}

export interface KnownLogsOptions {
  readonly vfs: Vfs;
  readonly path: string;
  readonly logger: Logger;
  readonly own: { readonly id: NodeId; readonly logId: string };
}

export class KnownLogs {
  readonly #options: KnownLogsOptions;
  readonly #known: Map<NodeId, KnownLog>;
  /** Whoever is no member has promised nothing yet, or nothing any more: its log may be any. */
  readonly #strangers = new Map<NodeId, string>();
  #configuration: Configuration | undefined;
  /** What a failed write left to be written. */
  #isUnwritten = false;

  /** Errors: `IDENTITY_DAMAGED`, `DIRECTORY_NEWER`, or the file system's. */
  constructor(options: KnownLogsOptions) {
    this.#options = options;
    this.#known = read(options.vfs, options.path);
  }

  /** The newest mark of our own that a configuration had, committed and on our disk, be it past; 0 where we know none. */
  get memberSince(): Index {
    const { id, logId } = this.#options.own;
    const known = this.#known.get(id);
    return known?.logId === logId ? known.since : 0;
  }

  /** In force from now on; not necessarily committed. */
  configure(configuration: Configuration): void {
    this.#configuration = configuration;
  }

  /**
   * A configuration without a server, or with a newer mark of it, is what allows it to begin anew. `index` is where it
   * stands, committed and on our disk.
   */
  committed(configuration: Configuration, index: Index): void {
    this.#configuration = configuration;
    const { own } = this.#options;
    const ids = memberIds(configuration);
    let hasChanged = false;
    for (const [id, { since }] of this.#known) {
      if (id === own.id) continue;
      if (ids.has(id) && since === memberSince(configuration.addresses[id])) continue;
      // Of a membership that began later, it says nothing.
      if (since > 0 && since >= index) continue;
      this.#known.delete(id);
      hasChanged = true;
    }
    if (memberSince(configuration.addresses[own.id]) > this.memberSince) {
      this.#remember(own.id, own.logId);
      hasChanged = true;
    }
    for (const [id, logId] of this.#strangers) {
      if (!ids.has(id) || this.#known.has(id)) continue;
      this.#remember(id, logId);
      hasChanged = true;
    }
    if (hasChanged) this.#write();
  }

  /** Errors: `TransportError` `LOG_REPLACED`, `UNRECORDED`. */
  admit({ from, logId, memberSince: since = 0 }: Hello): void {
    if (this.#isUnwritten) this.#write();
    const known = this.#known.get(from);
    if (known !== undefined && since <= known.since) {
      if (known.logId === logId) return;
      throw logReplaced(from, known.logId, logId);
    }
    const isMember = this.#configuration !== undefined && memberIds(this.#configuration).has(from);
    if (known !== undefined || isMember) {
      this.#remember(from, logId, since);
      // Nothing that a member promises may count before its log is on our disk:
      // 1. count  2. restart, without the log  3. the member comes with another log, and is counted for what it forgot.
      if (this.#write() === undefined) return;
      if (known === undefined) this.#known.delete(from);
      else this.#known.set(from, known);
      throw unrecorded(from);
    }
    this.#strangers.delete(from);
    this.#strangers.set(from, logId);
    for (const oldest of this.#strangers.keys()) {
      if (this.#strangers.size <= STRANGERS_MAX) break;
      this.#strangers.delete(oldest);
    }
  }

  /** `proven` is the mark that it came with. */
  #remember(id: NodeId, logId: string, proven: Index = 0): void {
    this.#strangers.delete(id);
    const since = Math.max(memberSince(this.#configuration?.addresses[id]), proven);
    this.#known.set(id, { logId, since });
  }

  /**
   * Returns the error. A failure behind a commit is survived: what was to be written holds until this server restarts, and
   * whoever says hello next has it tried again.
   */
  #write(): unknown {
    const { vfs, path, logger } = this.#options;
    this.#isUnwritten = true;
    try {
      const texts = [...this.#known].map(([id, { logId, since }]) => [
        id,
        since === 0 ? logId : markedAddress(logId, since),
      ]);
      writeSealedText(vfs, path, HEADING, Object.fromEntries(texts));
      this.#isUnwritten = false;
      return undefined;
    } catch (error) {
      logger.warn({ path, error }, `The peers' log ids could not be written: ${String(error)}.`);
      return error;
    }
  }
}

function unrecorded(id: NodeId): TransportError {
  return new TransportError(
    'UNRECORDED',
    `Server ${id} is not talked to before this server's disk has kept which log it has.`,
    { peer: id },
  );
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
    known.set(Number(id), { logId: unmarked(text), since: memberSince(text) });
  }
  return known;
}

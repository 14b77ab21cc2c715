// A backup over the admin port: what it is stands in one header, the image is the body (docs/operations.md, "Admin").

import type { ServerResponse } from 'node:http';
import { pipeline } from 'node:stream/promises';
import type { RaftServer } from '@waldb/runtime';
import type { SnapshotInfo, SnapshotStream } from '@waldb/snapshot';

export const BACKUP_PATH = '/snapshot/save';
/** JSON of a `BackupFacts`. */
export const BACKUP_HEADER = 'waldb-snapshot';
/** A reader that takes nothing for so long is gone. */
const IDLE_MS_MAX = 60_000;

export interface BackupFacts extends SnapshotInfo {
  readonly cluster: string;
  /** Who saved it. */
  readonly server: number;
}

/** What `POST /snapshot/save` answers. */
export class Backup {
  readonly #facts: BackupFacts;
  readonly #image: SnapshotStream;

  constructor(facts: BackupFacts, image: SnapshotStream) {
    this.#facts = facts;
    this.#image = image;
  }

  /** Resolves once all of it is written; a connection that breaks off is nobody's trouble but its own. */
  async send(response: ServerResponse): Promise<void> {
    response.writeHead(200, {
      'content-type': 'application/octet-stream',
      'content-length': this.#facts.bytes,
      'cache-control': 'no-store',
      [BACKUP_HEADER]: JSON.stringify(this.#facts),
    });
    response.setTimeout(IDLE_MS_MAX, () => response.destroy());
    await pipeline(this.#image, response).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
    });
  }
}

/**
 * Everything that was acknowledged before is in it; with `stale` whatever this server has. Errors: `RuntimeError`.
 */
export async function takeBackup(
  raft: Pick<RaftServer<unknown>, 'read' | 'backup' | 'status'>,
  { stale }: Readonly<Record<string, unknown>>,
): Promise<Backup> {
  if (stale !== true) await raft.read('linearizable');
  const image = await raft.backup();
  const { clusterId, id } = raft.status();
  return new Backup({ ...image.info, cluster: clusterId, server: id }, image);
}

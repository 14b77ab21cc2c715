// A whole server of the store in this process: a real log on a real disk, a majority of one, and the port for clients.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RaftServer } from '@waldb/runtime';
import {
  type EntryReplies,
  entryReplies,
  KvStateMachine,
  RespServer,
  type RespServerOptions,
  raftReplica,
  TIME_RESOLUTION_MS,
} from '../src/index.js';

/** A server of several: which one, all their addresses, and where this one listens. */
export interface StoreMember {
  readonly id: number;
  readonly members: Readonly<Record<number, string>>;
  readonly peerPort: number;
  readonly clientPort: number;
}

// Alone: nobody ever dials this address.
const ALONE: StoreMember = { id: 1, members: { 1: '127.0.0.1:1' }, peerPort: 0, clientPort: 0 };

export class StoreNode {
  static async start(
    options: Pick<RespServerOptions, 'users' | 'tls' | 'limits'> = {},
    member: StoreMember = ALONE,
  ): Promise<StoreNode> {
    const directory = mkdtempSync(join(tmpdir(), 'waldb-store-'));
    const stateMachine = new KvStateMachine();
    const raft = await RaftServer.start<EntryReplies>({
      id: member.id,
      directory,
      stateMachine,
      sessionResults: entryReplies,
      timeResolutionMs: TIME_RESOLUTION_MS,
      bootstrap: { members: member.members, cluster: 'store' },
      listen: `127.0.0.1:${member.peerPort}`,
    });
    const resp = await RespServer.start({
      listen: { host: '127.0.0.1', port: member.clientPort },
      replica: raftReplica(raft),
      stateMachine,
      ...options,
    });
    const node = new StoreNode(directory, { raft, resp, stateMachine });
    if (member === ALONE) {
      while (!raft.isLeader) await new Promise((resolve) => setTimeout(resolve, 5));
      await raft.read('linearizable');
    }
    return node;
  }

  readonly raft: RaftServer<EntryReplies>;
  readonly resp: RespServer;
  readonly stateMachine: KvStateMachine;
  readonly #directory: string;

  private constructor(
    directory: string,
    parts: {
      readonly raft: RaftServer<EntryReplies>;
      readonly resp: RespServer;
      readonly stateMachine: KvStateMachine;
    },
  ) {
    this.#directory = directory;
    this.raft = parts.raft;
    this.resp = parts.resp;
    this.stateMachine = parts.stateMachine;
  }

  get port(): number {
    return this.resp.port;
  }

  async close(): Promise<void> {
    await this.resp.close();
    await this.raft.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

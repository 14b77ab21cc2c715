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

export class StoreNode {
  static async start(options: Pick<RespServerOptions, 'users' | 'tls' | 'limits'> = {}): Promise<StoreNode> {
    const directory = mkdtempSync(join(tmpdir(), 'waldb-store-'));
    const stateMachine = new KvStateMachine();
    const raft = await RaftServer.start<EntryReplies>({
      id: 1,
      directory,
      stateMachine,
      sessionResults: entryReplies,
      timeResolutionMs: TIME_RESOLUTION_MS,
      // Alone: nobody ever dials this address.
      bootstrap: { members: { 1: '127.0.0.1:1' }, cluster: 'store' },
      listen: '127.0.0.1:0',
    });
    const resp = await RespServer.start({
      listen: { host: '127.0.0.1', port: 0 },
      replica: raftReplica(raft),
      stateMachine,
      ...options,
    });
    while (!raft.isLeader) await new Promise((resolve) => setTimeout(resolve, 5));
    await raft.read('linearizable');
    return new StoreNode(directory, { raft, resp, stateMachine });
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

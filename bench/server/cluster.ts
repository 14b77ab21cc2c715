// Three servers in three processes on this machine's loopback, measured from inside the leader's.

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { fileURLToPath } from 'node:url';
import type { RaftServerOptions } from '@waldb/runtime';
import type { WorkDirectory } from '../harness/work-directory.js';
import type { Answer, Measured, ServerExtras, Task } from './tasks.js';

const PROGRAM = fileURLToPath(new URL('./server-process.ts', import.meta.url));
const SERVERS = 3;
const LEADER_WAIT_MS = 20_000;
const LOOK_AGAIN_MS = 50;

type Status = Extract<Answer, { type: 'status' }>;

export class BenchCluster {
  static async start(
    work: WorkDirectory,
    raft: RaftServerOptions<undefined>['raft'] = {},
    extras: ServerExtras = {},
  ): Promise<BenchCluster> {
    const members = await freeMembers();
    const started = Object.keys(members).map((id) =>
      ServerProcess.start(id, work.make(`server-${id}`), members, raft, extras),
    );
    const cluster = new BenchCluster(await Promise.all(started));
    await cluster.leader();
    return cluster;
  }

  readonly #servers: readonly ServerProcess[];

  private constructor(servers: readonly ServerProcess[]) {
    this.#servers = servers;
  }

  /** Runs a task in the leader's process. */
  async measure(task: Exclude<Task, { type: 'status' | 'stop' }>): Promise<Measured> {
    const leader = await this.leader();
    const answer = await leader.ask(task);
    if (answer.type !== 'measured') throw new Error(`The leader did not measure: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** CPU seconds that all three processes have used so far. */
  async cpuSeconds(): Promise<number> {
    const statuses = await Promise.all(this.#servers.map((one) => one.status()));
    return statuses.reduce((sum, { cpu }) => sum + (cpu.user + cpu.system) / 1e6, 0);
  }

  /** Where a follower sends back what it gets. */
  async followersEcho(): Promise<number> {
    const leader = await this.leader();
    const follower = this.#servers.find((one) => one !== leader) as ServerProcess; // there are three
    return (await follower.status()).echoPort;
  }

  async leader(): Promise<ServerProcess> {
    const end = performance.now() + LEADER_WAIT_MS;
    while (performance.now() < end) {
      for (const one of this.#servers) if ((await one.status()).isLeader) return one;
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
    throw new Error(`No server leads after ${LEADER_WAIT_MS} ms.`);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#servers.map((one) => one.stop()));
  }
}

class ServerProcess {
  readonly #child: ChildProcess;

  static async start(id: string, directory: string, ...options: object[]): Promise<ServerProcess> {
    const child = fork(PROGRAM, [id, directory, ...options.map((one) => JSON.stringify(one))]);
    const server = new ServerProcess(child);
    await server.#answer();
    return server;
  }

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  async ask(task: Task): Promise<Answer> {
    const answered = this.#answer();
    this.#child.send(task);
    const answer = await answered;
    if (answer.type === 'failed') throw new Error(`A server's process failed: ${answer.why}`);
    return answer;
  }

  async status(): Promise<Status> {
    const answer = await this.ask({ type: 'status' });
    if (answer.type !== 'status') throw new Error(`No status: ${JSON.stringify(answer)}`);
    return answer;
  }

  async stop(): Promise<void> {
    await this.ask({ type: 'stop' });
    const ended = once(this.#child, 'exit');
    this.#child.disconnect();
    await ended;
  }

  async #answer(): Promise<Answer> {
    const ended = new AbortController();
    const left = once(this.#child, 'exit', { signal: ended.signal }).then(([code]: unknown[]) => {
      throw new Error(`A server's process ended with ${String(code)}.`);
    });
    try {
      const [answer] = (await Promise.race([
        once(this.#child, 'message', { signal: ended.signal }),
        left,
      ])) as [
        Answer, // what server-process.ts sends
      ];
      return answer;
    } finally {
      left.catch(() => {}); // not waited for any more
      ended.abort();
    }
  }
}

/** On ports that were free a moment ago. */
async function freeMembers(): Promise<Record<number, string>> {
  const probes = Array.from({ length: SERVERS }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(probes.map((probe) => probe.listening || once(probe, 'listening')));
  const members = probes.map((probe, i) => {
    const address = probe.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    return [i + 1, `127.0.0.1:${port}`] as const;
  });
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return Object.fromEntries(members);
}

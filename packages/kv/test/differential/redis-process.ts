// Debian's redis-server on a socket of its own, where it is installed, for tests that ask both the same.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const hasRedis: boolean = spawnSync('redis-server', ['--version']).status === 0;

export class RedisProcess {
  static async start(): Promise<RedisProcess> {
    const directory = mkdtempSync(join(tmpdir(), 'waldb-redis-'));
    const path = join(directory, 'redis.sock');
    const options = [
      '--port',
      '0',
      '--unixsocket',
      path,
      '--save',
      '',
      '--appendonly',
      'no',
      '--notify-keyspace-events',
      'AKE',
      '--dir',
      directory,
    ];
    const child = spawn('redis-server', options, { stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    for await (const chunk of child.stdout) {
      output += chunk;
      if (output.includes('Ready to accept connections') || output.includes('ready to accept connections'))
        break;
    }
    return new RedisProcess(child, directory, path);
  }

  readonly path: string;
  readonly #child: ChildProcess;
  readonly #directory: string;

  private constructor(child: ChildProcess, directory: string, path: string) {
    this.#child = child;
    this.#directory = directory;
    this.path = path;
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await ended;
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

// One Redis server that syncs its append-only file before it answers: the same promise as a commit, without replication.

import type { WorkDirectory } from '../../harness/work-directory.js';
import { askResp } from '../load/resp-client.js';
import { freePorts, Processes, versionOf } from './processes.js';
import { HOST, type Store } from './store.js';

export const REDIS_VERSION: string | undefined = versionOf('redis-server');

export async function startRedis(work: WorkDirectory): Promise<Store> {
  const processes = new Processes();
  const [port] = (await freePorts(1)) as [number];
  const directory = work.make('redis');
  const durable = ['--appendonly', 'yes', '--appendfsync', 'always', '--save', ''];
  const words = ['--port', `${port}`, '--bind', HOST, '--dir', directory, ...durable];
  processes.start('redis-server', words, directory);
  await processes.until('redis answers', async () => {
    const answer = await askResp(port, ['PING']);
    return answer.startsWith('+PONG') ? true : undefined;
  });
  return { name: 'redis', protocol: 'resp', port, ...processes.asStore() };
}

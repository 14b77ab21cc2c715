// waldb as its users run it: `waldb serve`, compiled, one process a server.

import { fileURLToPath } from 'node:url';
import type { WorkDirectory } from '../../harness/work-directory.js';
import { askResp } from '../load/resp-client.js';
import { freePorts, Processes } from './processes.js';
import { HOST, type Store } from './store.js';

const PROGRAM = fileURLToPath(new URL('../../../packages/cli/dist/main.js', import.meta.url));

export async function startWaldb(work: WorkDirectory, servers: number): Promise<Store> {
  const processes = new Processes();
  const ports = await freePorts(servers * 2);
  const clientPorts = ports.slice(0, servers);
  const peers = clientPorts.map((port, i) => `${i + 1}=${HOST}:${ports[servers + i]}/${HOST}:${port}`);
  for (const [i, port] of clientPorts.entries()) {
    const directory = work.make(`waldb-${i + 1}`);
    const words = ['serve', '--id', `${i + 1}`, '--directory', directory, '--port', `${port}`];
    processes.start(process.execPath, [PROGRAM, ...words, '--peers', peers.join(',')], directory);
  }
  const port = await processes.until('waldb elects a leader', () => leaderOf(clientPorts));
  return { name: 'waldb', protocol: 'resp', port, ...processes.asStore() };
}

/** The one that takes a write itself. */
async function leaderOf(ports: readonly number[]): Promise<number | undefined> {
  for (const port of ports) {
    const answer = await askResp(port, ['SET', 'leader?', 'yes']);
    if (answer.startsWith('+OK')) return port;
  }
  return undefined;
}

// Three etcd servers with their defaults, each syncing its log before it acknowledges.

import type { WorkDirectory } from '../../harness/work-directory.js';
import { freePorts, Processes, versionOf } from './processes.js';
import { HOST, type Store } from './store.js';

const SERVERS = 3;

export const ETCD_VERSION: string | undefined = versionOf('etcd');

interface Status {
  readonly header: { readonly member_id: string };
  readonly leader?: string;
}

export async function startEtcd(work: WorkDirectory): Promise<Store> {
  const processes = new Processes();
  const ports = await freePorts(SERVERS * 2);
  const clientPorts = ports.slice(0, SERVERS);
  const url = (port: number | undefined): string => `http://${HOST}:${port}`;
  const cluster = clientPorts.map((_, i) => `n${i + 1}=${url(ports[SERVERS + i])}`).join(',');
  for (const [i, port] of clientPorts.entries()) {
    const directory = work.make(`etcd-${i + 1}`);
    const peer = url(ports[SERVERS + i]);
    const options = {
      name: `n${i + 1}`,
      'data-dir': directory,
      'listen-client-urls': url(port),
      'advertise-client-urls': url(port),
      'listen-peer-urls': peer,
      'initial-advertise-peer-urls': peer,
      'initial-cluster': cluster,
      logger: 'zap',
      'log-level': 'error',
    };
    processes.start(
      'etcd',
      Object.entries(options).map(([name, value]) => `--${name}=${value}`),
      directory,
    );
  }
  const port = await processes.until('etcd elects a leader', () => leaderOf(clientPorts));
  return { name: 'etcd', protocol: 'etcd', port, ...processes.asStore() };
}

async function leaderOf(ports: readonly number[]): Promise<number | undefined> {
  for (const port of ports) {
    const answer = await fetch(`http://${HOST}:${port}/v3/maintenance/status`, {
      method: 'POST',
      body: '{}',
    });
    const { header, leader } = (await answer.json()) as Status;
    if (leader !== undefined && leader === header.member_id) return port;
  }
  return undefined;
}

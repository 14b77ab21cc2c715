// Three whole servers of the store in this process, each with a log on a real disk, peers on loopback and a port for clients.

import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { StoreNode } from './store-node.js';

export class StoreCluster {
  static async start(): Promise<StoreCluster> {
    const ids = [1, 2, 3];
    const ports = await freePorts(ids.length * 2);
    const places = ids.map((id, nth) => ({
      id,
      peerPort: ports[2 * nth] as number, // two for each
      clientPort: ports[2 * nth + 1] as number,
    }));
    const members = Object.fromEntries(
      places.map(({ id, peerPort, clientPort }) => [id, `127.0.0.1:${peerPort},127.0.0.1:${clientPort}`]),
    );
    const nodes = await Promise.all(places.map((place) => StoreNode.start({}, { ...place, members })));
    const cluster = new StoreCluster(nodes);
    while (cluster.leader === undefined) await new Promise((resolve) => setTimeout(resolve, 5));
    await cluster.leader.raft.read('linearizable');
    return cluster;
  }

  readonly nodes: readonly StoreNode[];

  private constructor(nodes: readonly StoreNode[]) {
    this.nodes = nodes;
  }

  get leader(): StoreNode | undefined {
    return this.nodes.find(({ raft }) => raft.isLeader);
  }

  async close(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
  }
}

async function freePorts(count: number): Promise<number[]> {
  const listeners = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'));
  await Promise.all(listeners.map((listener) => once(listener, 'listening')));
  const ports = listeners.map((listener) => (listener.address() as AddressInfo).port); // TCP
  await Promise.all(listeners.map((listener) => once(listener.close(), 'close')));
  return ports;
}

// What a server is made of, with its trace between it and the world, if it is to be traced.

import { NodeVfs, type Vfs } from '@waldb/io';
import type { RaftServerOptions } from '../options/options.js';
import type { ServerNetwork } from '../server-network.js';
import { ToldFirstNetwork, ToldFirstVfs, toldFirstMachine } from './told-first.js';
import { TraceBuffer } from './trace-buffer.js';

export interface Traced<Result> {
  readonly options: RaftServerOptions<Result>;
  readonly vfs: Vfs;
  readonly network: ServerNetwork;
  /** The server has ended: what it did last is told as well. */
  readonly endTrace: () => void;
}

export function traced<Result>(options: RaftServerOptions<Result>, network: ServerNetwork): Traced<Result> {
  const { protocolTrace, vfs = new NodeVfs(), stateMachine } = options;
  if (protocolTrace === undefined) return { options, vfs, network, endTrace: () => {} };
  const buffer = new TraceBuffer(protocolTrace);
  return {
    options: {
      ...options,
      protocolTrace: (lines) => buffer.add(lines),
      stateMachine: toldFirstMachine(stateMachine, buffer),
    },
    vfs: new ToldFirstVfs(vfs, buffer),
    network: { ...network, network: new ToldFirstNetwork(network.network, buffer) },
    endTrace: () => buffer.tell(),
  };
}

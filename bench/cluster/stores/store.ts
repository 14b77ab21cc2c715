// A store that is measured, as processes of its own on this machine's loopback.

import type { Protocol } from '../load/tasks.js';

export interface Store {
  readonly name: string;
  readonly protocol: Protocol;
  /** Where clients are best off: the leader, where there is one. */
  readonly port: number;
  /** User and system time of its processes so far; undefined where the machine does not tell. */
  cpuSeconds(): number | undefined;
  stop(): Promise<void>;
}

export const HOST = '127.0.0.1';

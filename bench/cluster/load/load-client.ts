// One client of a store, as cheap as it can be made: requests are encoded beforehand, and answers are looked at only as far
// as is needed to see that they are right.

import type { LoadTask } from './tasks.js';

export interface LoadClient {
  /** Sends the nth request; a client has one under way at a time. `onAnswer` is called once. A wrong answer or a broken connection throws. */
  request(nth: number, onAnswer: () => void): void;
  close(): void;
}

/** Opens as many connections as the task's clients need; each takes the requests of those who share it. */
export async function connectClients(
  { clients, clientsPerConnection = 1 }: LoadTask,
  open: () => Promise<LoadClient>,
): Promise<LoadClient[]> {
  const connections = await Promise.all(
    Array.from({ length: Math.ceil(clients / clientsPerConnection) }, open),
  );
  return Array.from({ length: clients }, (_, i) => connections[i % connections.length] as LoadClient); // there is at least one
}

// Addresses on ports of the loopback that were free a moment ago.

import { createServer } from 'node:net';

export async function freeAddresses(count: number): Promise<string[]> {
  const probes = Array.from({ length: count }, () => createServer());
  const addresses: string[] = [];
  for (const probe of probes) {
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const address = probe.address();
    if (typeof address === 'object' && address !== null) addresses.push(`127.0.0.1:${address.port}`);
  }
  await Promise.all(probes.map((probe) => new Promise((resolve) => probe.close(resolve))));
  return addresses;
}

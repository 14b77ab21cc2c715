// A slow machine is seen while it is slow, and for a while after; one that is not is not.

import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { MachineProbe, syncing } from './machine-probe.js';

it('a sync that does not return is seen before it does, and remembered after it did', async () => {
  let release: () => void = () => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  const probe = new MachineProbe(() => held);
  await expect.poll(() => probe.isSlow, { timeout: 30_000 }).toBe(true);
  release();
  await probe.close();
  expect(probe.isSlow).toBe(true);
});

it('syncs a file of its own', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'waldb-probe-'));
  try {
    const path = join(directory, 'probe');
    await syncing(path)();
    expect(existsSync(path)).toBe(true);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

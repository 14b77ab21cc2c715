// How much memory an image takes on its way from one server to another, measured in a process of its own.
// WALDB_SNAPSHOT_MIB=4000 takes a larger one.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';
import { temporaryDirectory } from '../support/cluster.js';

const IMAGE_MIB = Number(process.env.WALDB_SNAPSHOT_MIB ?? 128);
/** For buffers that were let go and are not collected yet, of two servers in one process. */
const MEMORY_MIB_MAX = 40;
const PROGRAM = fileURLToPath(new URL('../support/large-snapshot-program.ts', import.meta.url));

it('H1.2 P90 W38 an image three times and more the memory that it may take is saved, sent, received and restored', async () => {
  expect(IMAGE_MIB).toBeGreaterThanOrEqual(3 * MEMORY_MIB_MAX);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    // The heap alone would end the process, were it to hold the image.
    [
      '--max-old-space-size=64',
      '--conditions=@waldb/source',
      '--import',
      'tsx',
      PROGRAM,
      temporaryDirectory(),
      String(IMAGE_MIB),
    ],
    { timeout: 850_000 },
  );
  const grew = Number(/^grew (-?\d+)$/m.exec(stdout)?.[1]);
  expect(grew / 1024 / 1024).toBeLessThan(MEMORY_MIB_MAX);
}, 900_000);

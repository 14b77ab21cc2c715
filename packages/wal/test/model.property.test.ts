// Any legal use of a log, with any options, shows what the model shows, before and after reopening.

import { applyCall, describeLog, describeModel, ModelLog, randomCall, SeededRandom } from '@waldb/testkit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { copyOf, disk, open } from './support/log-fixture.js';

const options = fc.record({
  segmentBytes: fc.constantFrom(8192, 12_288, 65_536),
  frameBytesMax: fc.constantFrom(1, 100, 700, 8192),
  cacheBytes: fc.constantFrom(0, 2000, 1 << 20),
});
/** After each call: nothing, sync, flush, a clean restart, a restart without close. */
const step = fc.record({
  seed: fc.nat(),
  after: fc.constantFrom('go', 'go', 'sync', 'flush', 'close', 'kill'),
});

describe('WalLog', () => {
  it('shows what the model shows, whatever the options and wherever it is reopened', async () => {
    await fc.assert(
      fc.asyncProperty(options, fc.array(step, { maxLength: 40 }), async (walOptions, steps) => {
        let vfs = disk();
        let log = await open(vfs, walOptions);
        const model = new ModelLog();
        for (const { seed, after } of steps) {
          const call = randomCall(model, new SeededRandom(seed), { commandBytesMax: 2500, entriesMax: 6 });
          model.apply(call);
          applyCall(log, call);
          if (after === 'sync' || after === 'kill') log.sync();
          if (after === 'flush') await log.flush();
          if (after === 'close') await log.close();
          if (after === 'kill') vfs = copyOf(vfs);
          if (after === 'close' || after === 'kill') log = await open(vfs, walOptions);
          expect(describeLog(log)).toBe(describeModel(model));
          for (let index = model.compacted.index; index <= model.lastIndex + 1; index++) {
            expect(log.termAt(index)).toBe(model.termAt(index));
            expect(log.configIndexBefore(index)).toBe(model.configIndexBefore(index));
          }
        }
        await log.close();
      }),
      { numRuns: 150 },
    );
  }, 120_000);
});

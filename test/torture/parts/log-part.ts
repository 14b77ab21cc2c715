// One write-ahead log in one process after another. After each life the log must be in a state that its acknowledged calls
// allow.

import { join } from 'node:path';
import { ModelLog } from '@waldb/testkit';
import { Judge } from '../../../packages/wal/test/support/process/judge.js';
import { makeSmallDisks } from '../../support/small-disk/make-small-disks.js';
import { type LaneJudge, type LaneKind, runLanes } from '../lane.js';
import type { Counts, Part } from '../part.js';

const SMALL_DISK_BYTES = 16 * 1024 * 1024;

const LOG: LaneKind = {
  name: 'log',
  module: join(import.meta.dirname, '../../../packages/wal/test/support/process/load-program.ts'),
  makeJudge: () => new LogJudge(new ModelLog()),
  excused: ['refused WAL_IO', 'refused WAL_FULL', 'failed WAL_IO', 'failed WAL_FULL', 'failed WAL_POISONED'],
};

export const logPart: Part = {
  name: 'log',
  about: 'one log: killed, also in recovery; its disk fails and fills up; the power goes',
  run: (context) => runLanes(context, LOG),
};

export const smallLogPart: Part = {
  name: 'small-log',
  about:
    'one log on ext4 of its own: killed; the disk is full; what the block device has is all that is left',
  run: async (context) => {
    const disks = makeSmallDisks(SMALL_DISK_BYTES, context.seed);
    if (disks.type === 'missing') return { type: 'skipped', why: disks.why };
    if (disks.whyNoPowerLoss !== undefined) return { type: 'skipped', why: disks.whyNoPowerLoss };
    return runLanes(context, { ...LOG, makeSmallDisk: disks.make });
  },
};

class LogJudge extends Judge implements LaneJudge {
  get counts(): Counts {
    const { opened, acknowledged, repaired, full } = this.seen;
    return {
      opened,
      recoveries: repaired,
      'acknowledged calls': acknowledged,
      'waits on a full disk': full,
    };
  }
}

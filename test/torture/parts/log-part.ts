// One write-ahead log in one process after another. After each life the log must be in a state that its acknowledged calls
// allow.

import { join } from 'node:path';
import { ModelLog } from '@waldb/testkit';
import { Judge } from '../../../packages/wal/test/support/process/judge.js';
import { type LaneJudge, runLanes } from '../lane.js';
import type { Counts, Part } from '../part.js';

export const logPart: Part = {
  name: 'log',
  about: 'one log: killed, also in recovery; its disk fails and fills up; the power goes',
  run: (context) =>
    runLanes(context, {
      name: 'log',
      module: join(import.meta.dirname, '../../../packages/wal/test/support/process/load-program.ts'),
      makeJudge: () => new LogJudge(new ModelLog()),
      excused: [
        'refused WAL_IO',
        'refused WAL_FULL',
        'failed WAL_IO',
        'failed WAL_FULL',
        'failed WAL_POISONED',
      ],
    }),
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

import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogSubject, raftLogContract } from '@waldb/testkit';
import { WalLog, type WalOptions } from '@waldb/wal';
import { afterAll, describe, it } from 'vitest';

const root = fs.mkdtempSync(join(tmpdir(), 'waldb-wal-'));
let count = 0;
afterAll(() => fs.rmSync(root, { recursive: true }));

async function subject(directory: string, options: WalOptions): Promise<LogSubject> {
  const log = await WalLog.open(directory, options);
  return {
    log,
    close: () => log.close(),
    reopen: async () => {
      await log.close();
      return subject(directory, options);
    },
  };
}

const open = (options: WalOptions) => (): Promise<LogSubject> => {
  count += 1;
  return subject(join(root, String(count)), options);
};

describe('WalLog', () => {
  raftLogContract({ describe, it }, open({}));
});

describe('WalLog with small segments, small frames and no cache', () => {
  raftLogContract({ describe, it }, open({ segmentBytes: 16 * 1024, frameBytesMax: 200, cacheBytes: 0 }));
});

// Redis' own load generator, for pipelines: C, and so cheap that the store is what is measured.

import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { HOST } from '../stores/store.js';
import { KEYS, type LoadReport } from './tasks.js';

export interface PipelinedLoad {
  readonly port: number;
  readonly clients: number;
  readonly pipeline: number;
  readonly valueBytes: number;
  readonly requests: number;
}

/** SETs. Errors: whatever `redis-benchmark` says. */
export async function runRedisBenchmark(
  load: PipelinedLoad,
): Promise<Pick<LoadReport, 'perSecond' | 'p50Ms' | 'p99Ms'>> {
  const options = {
    '-h': HOST,
    '-p': load.port,
    '-c': load.clients,
    '-P': load.pipeline,
    '-d': load.valueBytes,
    '-n': load.requests,
    '-r': KEYS,
    '-t': 'set',
  };
  const words = Object.entries(options).flatMap(([name, value]) => [name, String(value)]);
  const { stdout } = await promisify(execFile)('redis-benchmark', [...words, '--csv']);
  // "test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
  const row = /^"SET"(.*)$/m.exec(stdout)?.[1];
  const [, perSecond, , , p50Ms, , p99Ms] = (row ?? '')
    .split(',')
    .map((cell) => Number(cell.replaceAll('"', '')));
  if (perSecond === undefined || p50Ms === undefined || p99Ms === undefined) {
    throw new Error(`redis-benchmark printed something else than expected:\n${stdout}`);
  }
  return { perSecond, p50Ms, p99Ms };
}

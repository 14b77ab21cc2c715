// The file of a protocol trace: what is handed over is in it at once, and a killed process leaves no half line behind.

import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ProtocolTraceSink } from '@waldb/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { openProtocolTrace } from '../src/protocol-trace-file.js';

type Line = Parameters<ProtocolTraceSink>[0][number];

const LINE: Line = {
  tag: 'trace',
  event: {
    name: 'BecomeFollower',
    nid: '1',
    state: { term: 1, vote: '0', commit: 0 },
    role: 'StateFollower',
    log: 0,
    conf: [['1'], []],
    learners: [],
  },
};

let directory: string;
let path: string;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'waldb-trace-'));
  path = join(directory, 'trace.ndjson');
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function fail(error: unknown): never {
  throw error;
}

function lines(): unknown[] {
  const text = readFileSync(path, 'utf8');
  expect(text.endsWith('\n')).toBe(true);
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
}

it('holds what was handed over as soon as it was, each line with the time', () => {
  const sink = openProtocolTrace(path, fail);
  sink([LINE, LINE]);
  expect(lines()).toEqual([
    { ...LINE, ts: expect.any(Number) },
    { ...LINE, ts: expect.any(Number) },
  ]);
});

it('a later life goes on behind the last whole line, whatever half a line is behind it', () => {
  openProtocolTrace(path, fail)([LINE]);
  for (const torn of ['', '{', '{"tag":"trace","ev']) {
    appendFileSync(path, torn);
    openProtocolTrace(path, fail)([LINE]);
  }
  expect(lines().length).toBe(4);
  writeFileSync(path, 'no newline at all');
  openProtocolTrace(path, fail)([LINE]);
  expect(lines().length).toBe(1);
});

it('once a write fails the trace ends, and whoever opened it is told once', () => {
  const errors: unknown[] = [];
  const sink = openProtocolTrace('/dev/full', (error) => errors.push(error));
  sink([LINE]);
  sink([LINE]);
  expect(errors).toMatchObject([{ code: 'ENOSPC' }]);
});

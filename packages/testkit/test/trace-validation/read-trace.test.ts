// What a killed process may leave of its trace's end, and what no process leaves.

import { describe, expect, it } from 'vitest';
import { readTrace } from '../../src/trace-validation/read-trace.js';

const WHOLE = JSON.stringify({
  tag: 'trace',
  ts: 5,
  event: {
    name: 'Commit',
    nid: '1',
    state: { term: 1, vote: '0', commit: 1 },
    role: 'StateFollower',
    log: 1,
    conf: [['1'], []],
    learners: [],
  },
});

async function* lines(...texts: string[]): AsyncIterable<string> {
  yield* texts;
}

describe('a file of a protocol trace', () => {
  it('may end in a line that is cut off anywhere: it counts for nothing', async () => {
    for (let length = 0; length < WHOLE.length; length++)
      expect((await readTrace(lines(WHOLE, WHOLE.slice(0, length)))).length).toBe(1);
    expect((await readTrace(lines(WHOLE, WHOLE))).length).toBe(2);
  });

  it('has no such line before its end', async () => {
    await expect(readTrace(lines(WHOLE, WHOLE.slice(0, 40), WHOLE))).rejects.toMatchObject({
      code: 'TRACE_FORMAT',
      message: expect.stringContaining('line 2'),
    });
  });

  it('does not end in a whole line that is something else', async () => {
    const other = WHOLE.replace('"term":1', '"term":-1');
    await expect(readTrace(lines(WHOLE, other))).rejects.toMatchObject({ code: 'TRACE_FORMAT' });
  });
});

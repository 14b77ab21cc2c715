import { type HistoryEvent, HistoryWriter, readHistory, readOperations } from '@waldb/testkit';
import { describe, expect, it } from 'vitest';

describe('a history', () => {
  it('is read as it was written: ends belong to their beginnings, failures are left out, the rest is unknown', async () => {
    const lines: string[] = [];
    let time = 0;
    const writer = new HistoryWriter({ writeLine: (line) => lines.push(line), now: () => time++ });
    writer.invoke('a', 'x', { type: 'read' });
    writer.invoke('b', 'y', 1);
    writer.ok('a', null);
    writer.invoke('a', 'x', 2);
    writer.fail('b');
    writer.unknown('a');
    writer.invoke('b', 'z', 3);
    expect(writer.operations).toBe(4);
    expect(await readOperations(readHistory(lines))).toEqual([
      { process: 'a', key: 'x', input: { type: 'read' }, output: null, invokedAt: 0, completedAt: 2 },
      { process: 'a', key: 'x', input: 2, output: undefined, invokedAt: 3, completedAt: undefined },
      { process: 'b', key: 'z', input: 3, output: undefined, invokedAt: 6, completedAt: undefined },
    ]);
  });

  it.each([
    ['not JSON', ['{']],
    ['an empty line', ['']],
    ['no object', ['null']],
    ['an unknown type', ['{"type":"maybe","process":"a","time":1}']],
    ['no process', ['{"type":"ok","time":1,"output":1}']],
    ['a time that is none', ['{"type":"fail","process":"a","time":"1"}']],
    ['an invocation without a key', ['{"type":"invoke","process":"a","time":1,"input":1}']],
    ['an answer without output', ['{"type":"ok","process":"a","time":1}']],
  ])('with a line that is none is refused by its number: %s', async (_, lines) => {
    const good = '{"type":"invoke","process":"z","time":0,"key":"x","input":1}';
    const events = readHistory([good, ...lines]);
    await expect(readOperations(events)).rejects.toMatchObject({ name: 'HistoryError', line: 2 });
  });

  it.each<[string, HistoryEvent]>([
    ['an end without a beginning', { type: 'ok', process: 'b', time: 1, output: 1 }],
    ['two things at once', { type: 'invoke', process: 'a', time: 1, key: 'x', input: 1 }],
    ['time that goes back', { type: 'fail', process: 'a', time: -1 }],
  ])('that contradicts itself is refused: %s', async (_, event) => {
    const first: HistoryEvent = { type: 'invoke', process: 'a', time: 0, key: 'x', input: 1 };
    await expect(readOperations([first, event])).rejects.toMatchObject({ line: 2 });
  });
});

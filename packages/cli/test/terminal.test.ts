// Colours, columns and progress: for people on a terminal, and never in a pipe.

import { afterEach, expect, it, vi } from 'vitest';
import { paletteFor } from '../src/terminal/palette.js';
import { ProgressLine } from '../src/terminal/progress-line.js';
import { formatBytes, formatDuration } from '../src/terminal/quantities.js';
import { formatTable } from '../src/terminal/table.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

it('colours only a terminal, and not one that asks for none', () => {
  vi.stubEnv('NO_COLOR', '');
  vi.stubEnv('TERM', 'xterm');
  expect(paletteFor({ isTTY: true }).red('x')).toBe('\u001b[31mx\u001b[39m');
  expect(paletteFor({ isTTY: false }).red('x')).toBe('x');
  expect(paletteFor({}).red('x')).toBe('x');
  vi.stubEnv('NO_COLOR', '1');
  expect(paletteFor({ isTTY: true }).red('x')).toBe('x');
  vi.stubEnv('NO_COLOR', '');
  vi.stubEnv('TERM', 'dumb');
  expect(paletteFor({ isTTY: true }).red('x')).toBe('x');
});

it.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1024, '1.0 KiB'],
  [1536, '1.5 KiB'],
  [1024 ** 2 * 64, '64.0 MiB'],
  [1024 ** 3 * 4, '4.0 GiB'],
  [1024 ** 5, '1024.0 TiB'],
])('%i bytes are %s', (bytes, text) => expect(formatBytes(bytes)).toBe(text));

it.each([
  [0, '0 ms'],
  [999.9, '999 ms'],
  [1_000, '1 s'],
  [59_999, '59 s'],
  [60_000, '1 min'],
  [3_599_999, '59 min'],
  [3_600_000, '1 h'],
  [86_399_999, '23 h'],
  [86_400_000 * 400, '400 d'],
])('%d milliseconds are %s', (milliseconds, text) => expect(formatDuration(milliseconds)).toBe(text));

it('aligns columns by their longest cell, without trailing blanks', () => {
  const columns = [
    { title: 'A', align: 'left' },
    { title: 'NUMBER', align: 'right' },
    { title: 'B', align: 'left' },
  ] as const;
  const rows = [
    ['long one', '1', 'x'],
    ['s', '1234567', ''],
  ];
  const palette = paletteFor({});
  expect(formatTable(columns, rows, { palette })).toEqual([
    'A          NUMBER  B',
    'long one        1  x',
    's         1234567',
  ]);
});

it('tells progress on a terminal only, and leaves nothing behind', async () => {
  for (const isTTY of [true, false]) {
    let written = '';
    const progress = new ProgressLine('reading', {
      isTTY,
      write: (text: string | Uint8Array) => {
        written += text;
        return true;
      },
    });
    await progress.update({ bytesDone: 1024, bytesTotal: 2048 });
    progress.clear();
    expect(written).toBe(isTTY ? '\r\u001b[Kreading 1.0 KiB of 2.0 KiB (50 %)\r\u001b[K' : '');
  }
});

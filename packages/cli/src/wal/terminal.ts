// What makes output pleasant on a terminal and plain in a pipe: colours, aligned columns, numbers for people, and a
// line that tells how far a long job has come.

import type { WriteStream } from 'node:tty';
import type { InspectionProgress } from '@waldb/wal';

export type Paint = (text: string) => string;

export interface Palette {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
}

const PLAIN: Palette = { bold: asIs, dim: asIs, red: asIs, green: asIs, yellow: asIs };
const COLOURS: Palette = {
  bold: painted(1, 22),
  dim: painted(2, 22),
  red: painted(31, 39),
  green: painted(32, 39),
  yellow: painted(33, 39),
};

/** Colours only where a person looks, and did not ask for none (https://no-color.org). */
export function paletteFor(stream: { readonly isTTY?: boolean }): Palette {
  const { NO_COLOR, TERM } = process.env;
  const isWanted = stream.isTTY === true && (NO_COLOR ?? '') === '' && TERM !== 'dumb';
  return isWanted ? COLOURS : PLAIN;
}

/** `1.5 KiB`; whole bytes below that. */
export function formatBytes(bytes: number): string {
  const units = ['KiB', 'MiB', 'GiB', 'TiB'];
  let value = bytes;
  let unit = 'B';
  for (const next of units) {
    if (value < 1024) break;
    value /= 1024;
    unit = next;
  }
  return unit === 'B' ? `${bytes} B` : `${value.toFixed(1)} ${unit}`;
}

/** `1 frame`, `2 frames`. */
export function count(number: number, noun: string, plural: string = `${noun}s`): string {
  return `${number} ${number === 1 ? noun : plural}`;
}

export interface Column {
  readonly title: string;
  readonly align: 'left' | 'right';
}

/** Lines of equal columns, two spaces apart. Colours come after the widths are known: `paint` gets a whole line. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  paint: (line: string, row: number) => string = asIs,
): string[] {
  const widths = columns.map(({ title }, i) =>
    Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    columns
      .map(({ align }, i) => {
        const cell = cells[i] ?? '';
        const width = widths[i] ?? 0;
        return align === 'right' ? cell.padStart(width) : cell.padEnd(width);
      })
      .join('  ')
      .trimEnd();
  return [line(columns.map(({ title }) => title)), ...rows.map((row, i) => paint(line(row), i))];
}

const PROGRESS_MS = 100;

/** A line on stderr that is written over and gone in the end; nothing at all when stderr is no terminal. */
export class ProgressLine {
  readonly #stream: Pick<WriteStream, 'isTTY' | 'write'>;
  readonly #verb: string;
  #shownAt = 0;
  #isShown = false;

  constructor(verb: string, stream: Pick<WriteStream, 'isTTY' | 'write'> = process.stderr) {
    this.#verb = verb;
    this.#stream = stream;
  }

  /** To be awaited now and then: signals are heard meanwhile. */
  readonly update = async ({ bytesDone, bytesTotal }: InspectionProgress): Promise<void> => {
    const now = performance.now();
    if (now - this.#shownAt < PROGRESS_MS) return;
    this.#shownAt = now;
    if (this.#stream.isTTY) {
      const percent =
        bytesTotal === 0 ? 100 : Math.floor((Math.min(bytesDone, bytesTotal) * 100) / bytesTotal);
      const line = `${this.#verb} ${formatBytes(bytesDone)} of ${formatBytes(bytesTotal)} (${percent} %)`;
      this.#stream.write(`\r\u001b[K${line}`);
      this.#isShown = true;
    }
    await new Promise((resolve) => setImmediate(resolve));
  };

  clear(): void {
    if (this.#isShown) this.#stream.write('\r\u001b[K');
    this.#isShown = false;
  }
}

function asIs(text: string): string {
  return text;
}

function painted(open: number, close: number): Paint {
  return (text) => `\u001b[${open}m${text}\u001b[${close}m`;
}

// Tables: the one place that aligns columns, so that those of all commands look alike.

import type { Palette } from './palette.js';

export interface Column {
  /** In capitals. */
  readonly title: string;
  readonly align: 'left' | 'right';
}

export interface TableLook {
  readonly palette: Palette;
  /** Colours come after the widths are known: this gets a whole line. */
  readonly paint?: (line: string, row: number) => string;
}

/** Lines of equal columns, two spaces apart, under a line of titles. */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { palette, paint = (line) => line }: TableLook,
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
  return [palette.dim(line(columns.map(({ title }) => title))), ...rows.map((row, i) => paint(line(row), i))];
}

/** Names in bold, values behind them, one under the other. A name may be empty: the value belongs to the one above. */
export function formatFacts(
  facts: readonly (readonly [name: string, value: string])[],
  palette: Palette,
): string[] {
  const width = Math.max(...facts.map(([name]) => name.length));
  return facts.map(([name, value]) => `${palette.bold(name.padEnd(width))}  ${value}`);
}

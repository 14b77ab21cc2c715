// Transcripts as data: what stands behind `$ ` on a page and what it prints, and whether that is what was printed. (stage.ts
// carries them out.)
//
// Compared are words. Numbers that differ from run to run (indexes, sizes, times, ids, process ids) are masked on both sides;
// names, addresses, columns, states and sentences are not. A line of the page that is only an ellipsis stands for any lines.

import type { Block } from './markdown.js';

export interface Step {
  readonly command: string;
  /** What the page shows of its output. */
  readonly output: string;
}

export function stepsOf({ text }: Block): Step[] {
  return text
    .split(/^\$ /m)
    .slice(1)
    .map((part) => {
      const [command = '', ...lines] = part.replaceAll(/ \\\n\s*/g, ' ').split('\n');
      return { command: command.replace(/ {2,}#.*$/, ''), output: lines.join('\n').trim() };
    });
}

/** Text in which only what the page promises is left. */
export function masked(text: string): string {
  const lines = text
    .replaceAll(/\b[0-9a-f]{32}\b|\b[0-9a-f]{4,}…/g, '<id>')
    .replaceAll(/leader=\d+ pids=[\d:,]+/g, 'leader=<id> pids=<pids>')
    .replaceAll(/\b\d[\d.,]* (?:B|KiB|MiB|GiB)(?!\w)/g, '<size>')
    .replaceAll(/\b\d[\d.,]* (?:us|ms|s|min|h|d)(?!\w)/g, '<time>')
    .split('\n')
    .map((line) => line.trim().replaceAll(/\s+/g, ' '))
    .filter((line) => line !== '');
  return lines
    .map((line) => line.replaceAll(/(?<=^| |\()(?<!servers? )\d[\d,]*(?=$|[ ;.,)])(?!\.\d)/gi, '#'))
    .join('\n');
}

/** Whether `shown`, with its ellipses, is what was printed. */
export function agrees(printed: string, shown: string): boolean {
  const pattern = masked(shown)
    .split('\n')
    .map((line) =>
      /^(?:…|\.\.\.)$/.test(line) ? '(?:.*\\n)*?' : `${line.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\n`,
    );
  return new RegExp(`^${pattern.join('')}$`).test(`${masked(printed)}\n`);
}

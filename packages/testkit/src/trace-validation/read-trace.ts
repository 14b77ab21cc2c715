// A server's trace as a file has it. The process that wrote it may have been killed in the middle of a line.

import type { TimedLine } from './merging.js';
import { readTraceLine, TraceFormatError } from './trace-line.js';

/**
 * All lines of one file. A last line that is cut off is left out: nothing that it tells of was sent or written.
 * Errors: {@link TraceFormatError}, with the number of the line.
 */
export async function readTrace(texts: AsyncIterable<string>): Promise<TimedLine[]> {
  const lines: TimedLine[] = [];
  let number = 0;
  let cutOff: Error | undefined;
  for await (const text of texts) {
    if (cutOff !== undefined) throw cutOff;
    number += 1;
    try {
      const line = readTraceLine(text);
      if (line !== undefined) lines.push(line);
    } catch (error) {
      if (!(error instanceof TraceFormatError)) throw error;
      const numbered = new TraceFormatError(`line ${number}: ${error.why}`, text);
      if (isJson(text)) throw numbered;
      cutOff = numbered; // unless something follows
    }
  }
  return lines;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

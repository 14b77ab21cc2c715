// `--protocol-trace FILE`: a server's protocol trace, one JSON object a line, with the time (docs/trace-format.md).
//
// Whatever is handed over is written at once and never synced. What was written survives the process, killed at any
// moment; and a server hands over before anything leaves that others could hear of, so a buffer of our own would only make
// the trace worth less. A power loss may take its end. For debugging and tests.

import { closeSync, fstatSync, ftruncateSync, openSync, readSync, writeSync } from 'node:fs';
import type { ProtocolTraceSink } from '@waldb/runtime';

/** More than one step's lines are ever long; a torn line is looked for in so much of the end. */
const TORN_BYTES_MAX = 1 << 20;
const NEWLINE = 0x0a;

/**
 * Lines are added to what is there, behind its last whole line. Once a write fails there is no more trace: `onFailure` is
 * told, once, and the server goes on.
 */
export function openProtocolTrace(path: string, onFailure: (error: unknown) => void): ProtocolTraceSink {
  const file = openSync(path, 'a+');
  cutTornLine(file);
  let isFailed = false;
  return (lines) => {
    if (isFailed) return;
    const ts = performance.timeOrigin + performance.now();
    try {
      writeWhole(file, Buffer.from(lines.map((line) => `${JSON.stringify({ ...line, ts })}\n`).join('')));
    } catch (error) {
      isFailed = true;
      closeSync(file);
      onFailure(error);
    }
  };
}

function writeWhole(file: number, bytes: Buffer): void {
  for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
}

/** A process that was killed within a write may have left half a line: nothing that it told of was sent. */
function cutTornLine(file: number): void {
  const { size } = fstatSync(file);
  const end = Buffer.alloc(Math.min(size, TORN_BYTES_MAX));
  readSync(file, end, 0, end.length, size - end.length);
  const whole = size - end.length + end.lastIndexOf(NEWLINE) + 1;
  if (whole < size) ftruncateSync(file, whole);
}

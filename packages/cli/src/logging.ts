// The log of the process: pino's JSON lines on stderr. stdout belongs to what scripts read.

import { type Logger as PinoLogger, pino } from 'pino';
import type { LogLevel } from './log-levels.js';

export function createLogger(level: LogLevel, facts: Readonly<Record<string, unknown>>): PinoLogger {
  // Synchronous: the last line before a crash is the one that is needed.
  return pino({ level, base: facts }, pino.destination({ fd: 2, sync: true }));
}

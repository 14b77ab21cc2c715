// The log of the process: pino's JSON lines on stderr. stdout belongs to what scripts read.

import { type Logger as PinoLogger, pino } from 'pino';

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

export function createLogger(level: LogLevel, facts: Readonly<Record<string, unknown>>): PinoLogger {
  // Synchronous: the last line before a crash is the one that is needed.
  return pino({ level, base: facts }, pino.destination({ fd: 2, sync: true }));
}

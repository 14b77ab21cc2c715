// What can be logged, from nothing to everything. Apart from the logger: whoever only names a level does not load it.

export const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

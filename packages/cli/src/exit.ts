// How the process ends: one line for people on stderr, a code for scripts and for the supervisor, and with `--json` the
// same failure as an object on stdout (docs/command-line.md, "JSON").

/**
 * - `failed`: anything that may be better next time. The supervisor starts the server again.
 * - `refused`: the call was wrong, or does not fit what is there: an option, a port in use, a directory that is locked
 *   or not usable, an identity that is another one. Starting again the same way ends the same way.
 * - `unusable`: this server's own data cannot be used (damaged, lost, of a newer version). Other servers may go on.
 */
export const EXIT = { ok: 0, failed: 1, refused: 2, unusable: 3 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A word that stays the same when the sentence beside it is said better. Errors of the store bring their own. */
export type FailureCode =
  /** The command line is wrong: a command, a flag or an argument that is not there, missing, or not what it has to be. */
  | 'USAGE'
  /** A setting, wherever it was said, or a file of settings cannot be used. */
  | 'SETTING_INVALID'
  /** A file or a directory that was named is not there, is there already, or is not what it has to be. */
  | 'FILE_UNUSABLE'
  /** Nobody answered, or a connection broke off. */
  | 'NO_ANSWER'
  /** The store does not let this user in. */
  | 'LOGIN_REFUSED'
  /** Nobody confirmed it. */
  | 'NOT_CONFIRMED';

interface ExitErrorOptions extends ErrorOptions {
  /** Where it is absent, that of the cause; or a word that says no more than the exit code. */
  readonly code?: FailureCode;
}

/** Ends the process with its code, after its message as one line. */
export class ExitError extends Error {
  override readonly name: string = 'ExitError';
  readonly exitCode: ExitCode;
  readonly code: string;

  constructor(exitCode: ExitCode, message: string, { code, ...options }: ExitErrorOptions = {}) {
    super(message, options);
    this.exitCode = exitCode;
    this.code = code ?? codeOf(options.cause) ?? PLAIN_CODES[exitCode];
  }
}

const PLAIN_CODES: Readonly<Record<ExitCode, string>> = {
  [EXIT.ok]: 'DONE',
  [EXIT.failed]: 'FAILED',
  [EXIT.refused]: 'REFUSED',
  [EXIT.unusable]: 'UNUSABLE',
};

/** Of the system and of our own errors; those of libraries mean nothing here. */
function codeOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { readonly code?: unknown }; // anything may have been thrown
  return typeof code === 'string' && /^[A-Z][A-Z0-9_]+$/.test(code) ? code : undefined;
}

const REFUSED = new Set([
  'OPTIONS_INVALID',
  'CONFIG_INVALID',
  'ADDRESS_IN_USE',
  'ADDRESS_UNUSABLE',
  'DIRECTORY_UNUSABLE',
  'IDENTITY_MISSING',
  'IDENTITY_MISMATCH',
  'RECOVERY_UNFINISHED',
  'RESTORE_UNFINISHED',
  'LISTEN_FAILED',
  'LOCK_UNAVAILABLE',
  'WAL_LOCKED',
  'WAL_INVALID',
  'WAL_FULL',
]);

const UNUSABLE = new Set([
  'IDENTITY_DAMAGED',
  'DIRECTORY_NEWER',
  'LOG_LOST',
  'STATE_MACHINE',
  'SNAPSHOT_INVALID',
  'ENTRY_INVALID',
  'WAL_CORRUPT',
  'WAL_VERSION',
  'WAL_FOREIGN',
]);

/** By name: to know the classes, every command would have to load the whole store. */
const OURS = new Set(['KvError', 'RuntimeError', 'SnapshotError', 'VfsError']);

/** What an error that ended a start or a run means for whoever started it. */
export function toExitError(error: unknown): ExitError {
  if (error instanceof ExitError) return error;
  if (!(error instanceof Error)) return new ExitError(EXIT.failed, String(error));
  const code = (error as { code?: unknown }).code;
  if (typeof code !== 'string') return new ExitError(EXIT.failed, error.message, { cause: error });
  const exitCode = REFUSED.has(code) ? EXIT.refused : UNUSABLE.has(code) ? EXIT.unusable : EXIT.failed;
  return new ExitError(exitCode, describe(error, code), { cause: error });
}

/** Errors of ours are sentences; what the machine said gets its code beside it. */
function describe(error: Error, code: string): string {
  const isOurs = OURS.has(error.name) || code.startsWith('WAL_');
  if (code === 'WAL_CORRUPT')
    return `${error.message} \`waldb wal verify\` says what is lost and what to do.`;
  // What the library says to programs is no help to whoever has only the command line.
  if (code === 'WAL_LOCKED')
    return `${error.message.replace(/, or this one,| Open it with .*$/g, '')} Stop that one first.`;
  return isOurs ? error.message : `${error.message} (${code})`;
}

export interface Reporting {
  /** Where it is given, every failure has this exit code. */
  readonly meaning?: ExitCode | undefined;
  /** Whether stdout is read by a program, which is told of a failure there. */
  readonly isJson: boolean;
}

/** Runs a command to its exit code; an error is written as one line and becomes its own. */
export async function reported(
  command: () => Promise<ExitCode>,
  { meaning, isJson }: Reporting,
): Promise<ExitCode> {
  try {
    return await command();
  } catch (error) {
    const exit = toExitError(error);
    if (isJson) process.stdout.write(failureAsJson(exit));
    reportExit(exit);
    return meaning ?? exit.exitCode;
  }
}

/** One line. The shape is that of the admin port's refusals. */
export function failureAsJson({ code, message }: Pick<ExitError, 'code' | 'message'>): string {
  return `${JSON.stringify({ error: { code, message } })}\n`;
}

/** Writes the line that explains the end. */
export function reportExit({ message }: Pick<ExitError, 'message'>): void {
  process.stderr.write(`waldb: ${onOneLine(message)}\n`);
}

export function onOneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}

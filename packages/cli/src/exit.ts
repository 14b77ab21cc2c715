// How the process ends: one line for people, and a code for scripts and for the supervisor.

/**
 * - `failed`: anything that may be better next time. The supervisor starts the server again.
 * - `refused`: the call was wrong, or does not fit what is there: an option, a port in use, a directory that is locked
 *   or not usable, an identity that is another one. Starting again the same way ends the same way.
 * - `unusable`: this server's own data cannot be used (damaged, lost, of a newer version). Other servers may go on.
 */
export const EXIT = { ok: 0, failed: 1, refused: 2, unusable: 3 } as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** Ends the process with its code, after its message as one line. */
export class ExitError extends Error {
  override readonly name: string = 'ExitError';
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
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
  return isOurs ? error.message : `${error.message} (${code})`;
}

/**
 * Runs a command to its exit code; an error is written as one line and becomes its own. Where `meaning` is given, every
 * failure has that code.
 */
export async function reported(command: () => Promise<ExitCode>, meaning?: ExitCode): Promise<ExitCode> {
  try {
    return await command();
  } catch (error) {
    const exit = toExitError(error);
    reportExit(exit);
    return meaning ?? exit.exitCode;
  }
}

/** Writes the line that explains the end. Line breaks inside would make it more than one. */
export function reportExit(error: ExitError): void {
  process.stderr.write(`waldb: ${error.message.replace(/\s*\n\s*/g, ' ')}\n`);
}

// Where a server says what happens to it: the shape of a pino logger, so that one can be given as it is.

export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Says nothing. */
export const SILENT_LOGGER: Logger = { debug() {}, info() {}, warn() {}, error() {} };

/** Names that `LogOnce` remembers; beyond it, it forgets them all rather than grow. */
const NAMES_MAX = 1024;

/**
 * Lets each trouble be told once: a stranger that knocks a thousand times a second must not fill the disk with it.
 * What has ended is forgotten, and told again when it comes back.
 */
export class LogOnce {
  readonly #told = new Set<string>();

  /** Whether this is news. */
  isNew(who: string, what: string): boolean {
    const name = `${who} ${what}`;
    if (this.#told.has(name)) return false;
    if (this.#told.size >= NAMES_MAX) this.#told.clear();
    this.#told.add(name);
    return true;
  }

  /** All is well with `who` again. */
  forget(who: string): void {
    for (const name of this.#told) if (name.startsWith(`${who} `)) this.#told.delete(name);
  }
}

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
/** A trouble that comes and goes is told this often in a window: whoever makes it must not fill the disk with it. */
const TELLINGS_MAX = 10;
const WINDOW_MS = 60_000;

interface Telling {
  readonly since: number;
  count: number;
  hasEnded: boolean;
}

/**
 * Lets each trouble be told once: a stranger that knocks a thousand times a second must not fill the disk with it.
 * What has ended is told again when it comes back, up to a limit.
 */
export class LogOnce {
  readonly #now: () => number;
  readonly #told = new Map<string, Telling>();

  /** `now` is in milliseconds, and never goes back. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Whether this is news. */
  isNew(who: string, what: string): boolean {
    const name = `${who} ${what}`;
    const told = this.#told.get(name);
    if (told?.hasEnded === false) return false;
    const now = this.#now();
    if (told !== undefined && now - told.since < WINDOW_MS) {
      if (told.count >= TELLINGS_MAX) return false;
      told.count += 1;
      told.hasEnded = false;
      return true;
    }
    if (this.#told.size >= NAMES_MAX) this.#told.clear();
    this.#told.set(name, { since: now, count: 1, hasEnded: false });
    return true;
  }

  /** All is well with `who` again. */
  forget(who: string): void {
    for (const [name, told] of this.#told) if (name.startsWith(`${who} `)) told.hasEnded = true;
  }
}

// One thing that can be set, and everything that is to be known of it: its flag, its variable, its place in a file, its
// default, how it is read, and what it means. Flags, files, explanations and docs/configuration.md all come from here.

/** The commands that have settings. */
export const CONFIGURED = ['serve', 'cluster'] as const;
export type Configured = (typeof CONFIGURED)[number];

export interface Setting {
  /** As a file has it. The flag is `--key`, the variable `WALDB_KEY` in capitals. */
  readonly key: string;
  /** What stands behind the flag: `<port>`. */
  readonly argument: string;
  /** Who has it; with the default, as it would be typed. Undefined: there is none, or `otherwise` says what holds. */
  readonly of: {
    readonly [Command in Configured]?: { readonly fallback?: string; readonly otherwise?: string };
  };
  /** One line, for `--help`. */
  readonly summary: string;
  /** The rest, in whole sentences. */
  readonly explanation: string;
  readonly example: string;
  /** Errors: `InvalidArgumentError`, whose message says what is wanted. */
  readonly parse: (text: string) => unknown;
}

export function flagOf({ key }: Pick<Setting, 'key'>): string {
  return `--${key}`;
}

export function variableOf({ key }: Pick<Setting, 'key'>): string {
  return `WALDB_${key.toUpperCase().replaceAll('-', '_')}`;
}

/** As commander names what it has read. */
export function propertyOf({ key }: Pick<Setting, 'key'>): string {
  return key.replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
}

/** What holds where nobody says anything: a value as it would be typed, or words in parentheses. */
export function defaultOf(setting: Setting, command: Configured): string {
  const { fallback, otherwise } = setting.of[command] ?? {};
  return fallback ?? (otherwise === undefined ? '(none)' : `(${otherwise})`);
}

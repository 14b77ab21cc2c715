// What a stranger says, made fit for a log: one line, no control characters that a terminal would obey, and not long.

const UNPRINTABLE = /[\p{C}\p{Zl}\p{Zp}]/gu;

export function printable(text: string, lengthMax: number): string {
  const short = text.length > lengthMax ? `${text.slice(0, lengthMax)}…` : text;
  return short.replace(UNPRINTABLE, '?');
}

// Colours for people on a terminal, and none in a pipe or a file.

export type Paint = (text: string) => string;

export interface Palette {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
}

const PLAIN: Palette = { bold: asIs, dim: asIs, red: asIs, green: asIs, yellow: asIs };
const COLOURS: Palette = {
  bold: painted(1, 22),
  dim: painted(2, 22),
  red: painted(31, 39),
  green: painted(32, 39),
  yellow: painted(33, 39),
};

/** Colours only where a person looks, and did not ask for none (https://no-color.org). */
export function paletteFor(stream: { readonly isTTY?: boolean }): Palette {
  const { NO_COLOR, TERM } = process.env;
  const isWanted = stream.isTTY === true && (NO_COLOR ?? '') === '' && TERM !== 'dumb';
  return isWanted ? COLOURS : PLAIN;
}

function asIs(text: string): string {
  return text;
}

function painted(open: number, close: number): Paint {
  return (text) => `\u001b[${open}m${text}\u001b[${close}m`;
}

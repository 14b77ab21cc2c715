// Decimal fractions, added exactly. Redis adds in 80-bit floating point and prints 17 decimals; no such type exists here,
// and what a CPU's long double is differs between machines. Exact sums are the same on every replica, and give what Redis
// prints wherever its own sum is exact to 17 decimals.

/** `units` times ten to the power of `-scale`. */
export interface Decimal {
  readonly units: bigint;
  readonly scale: number;
}

/** Digits after the point that are kept, as Redis prints them. */
const SCALE_MAX = 17;
/** Texts and exponents beyond these are no numbers for us. */
const TEXT_CHARACTERS_MAX = 256;
const EXPONENT_MAX = 308;
const INFINITE_UNITS = 10n ** BigInt(EXPONENT_MAX + SCALE_MAX);

const DECIMAL = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/;
const INFINITE = /^[+-]?inf(?:inity)?$/i;

/** Undefined when the text is no number. */
export function parseDecimal(text: string): Decimal | 'infinite' | undefined {
  if (text.length > TEXT_CHARACTERS_MAX) return undefined;
  if (INFINITE.test(text)) return 'infinite';
  const parts = DECIMAL.exec(text);
  if (parts === null) return undefined;
  const [, sign, whole = '', fraction = '', exponentText = '0'] = parts;
  if (whole === '' && fraction === '') return undefined;
  const digits = BigInt(whole + fraction);
  const units = sign === '-' ? -digits : digits;
  const exponent = Number(exponentText);
  if (Math.abs(exponent) > EXPONENT_MAX) return units === 0n ? { units, scale: 0 } : outside(exponent);
  return shifted(units, fraction.length - exponent);
}

export function addDecimals(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { units: scaled(a, scale) + scaled(b, scale), scale };
}

/** At most 17 digits after the point, without zeros at the end; undefined when it is too large. */
export function formatDecimal(value: Decimal): string | undefined {
  const units = rounded(value);
  if (units >= INFINITE_UNITS || units <= -INFINITE_UNITS) return undefined;
  const isNegative = units < 0n;
  const digits = String(isNegative ? -units : units).padStart(SCALE_MAX + 1, '0');
  const whole = digits.slice(0, -SCALE_MAX);
  const fraction = digits.slice(-SCALE_MAX).replace(/0+$/, '');
  return `${isNegative ? '-' : ''}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}

function outside(exponent: number): Decimal | 'infinite' {
  return exponent > 0 ? 'infinite' : { units: 0n, scale: 0 };
}

/** The scale made non-negative. */
function shifted(units: bigint, scale: number): Decimal {
  return scale >= 0 ? { units, scale } : { units: units * 10n ** BigInt(-scale), scale: 0 };
}

function scaled({ units, scale }: Decimal, to: number): bigint {
  return units * 10n ** BigInt(to - scale);
}

/** In units of the last digit that is kept, halves away from zero. */
function rounded(value: Decimal): bigint {
  if (value.scale <= SCALE_MAX) return scaled(value, SCALE_MAX);
  const divisor = 10n ** BigInt(value.scale - SCALE_MAX);
  const half = value.units < 0n ? -(divisor / 2n) : divisor / 2n;
  return (value.units + half) / divisor;
}

// Numbers, sizes and times in words, the same everywhere on the page.

/** `1 204 311`: digits in threes, with narrow spaces that do not break. */
export function whole(value: number): string {
  const digits = String(Math.round(Math.abs(value))).replace(/\B(?=(\d{3})+$)/g, '\u202f');
  return value < 0 ? `−${digits}` : digits;
}

/** `12.4 k`: three digits that count. */
export function short(value: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const)
    if (Math.abs(value) >= size * 0.9995) return `${digits(value / size)} ${unit}`;
  return digits(value);
}

export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let size = value;
  let nth = 0;
  for (; size >= 1000 && nth < units.length - 1; nth++) size /= 1024;
  return `${nth === 0 ? Math.round(size) : digits(size)} ${units[nth]}`;
}

/** Of a latency. */
export function milliseconds(value: number): string {
  if (value < 1) return `${digits(value)} ms`;
  return value < 1000 ? `${digits(value)} ms` : `${digits(value / 1000)} s`;
}

/** `640 ms`, `14 s`, `3 min 20 s`, `2 h 5 min`, `4 d 3 h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.max(Math.round(ms), 0)} ms`;
  const seconds = Math.floor(ms / 1000);
  if (seconds < 60) return `${seconds} s`;
  const parts = (big: number, bigUnit: string, small: number, smallUnit: string): string =>
    small === 0 ? `${big} ${bigUnit}` : `${big} ${bigUnit} ${small} ${smallUnit}`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return parts(minutes, 'min', seconds % 60, 's');
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return parts(hours, 'h', minutes % 60, 'min');
  return parts(Math.floor(hours / 24), 'd', hours % 24, 'h');
}

/** `14:03:41`, where the browser is. */
export function clockTime(date: number, withSeconds = true): string {
  const at = new Date(date);
  const two = (value: number): string => String(value).padStart(2, '0');
  const time = `${two(at.getHours())}:${two(at.getMinutes())}`;
  return withSeconds ? `${time}:${two(at.getSeconds())}` : time;
}

/** `server 3`, `servers 1 and 3`, `servers 1, 2 and 3`. */
export function servers(ids: readonly number[]): string {
  const last = ids.at(-1);
  if (ids.length < 2) return `server ${last ?? ''}`;
  return `servers ${ids.slice(0, -1).join(', ')} and ${last}`;
}

export function capital(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function digits(value: number): string {
  const size = Math.abs(value);
  if (size === 0) return '0';
  if (size < 0.995) return value.toFixed(2);
  if (size < 9.995) return value.toFixed(2).replace(/\.?0+$/, '');
  return size < 99.95 ? value.toFixed(1).replace(/\.0$/, '') : String(Math.round(value));
}

// This package's version, from its manifest: beside `src` as beside `dist`.

import { readFileSync } from 'node:fs';

export function readVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  const { version } = manifest as { version: string }; // our own manifest, published with this file
  return version;
}

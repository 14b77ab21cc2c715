// Chromium as the system has it, cut off from every host but this one: what the page needs, it has to bring along.

import { existsSync } from 'node:fs';
import { type Browser, chromium } from 'playwright-core';

const PLACES = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

const ARGUMENTS = [
  // Tests run as root in containers, where there is neither a sandbox nor much shared memory.
  ...['--no-sandbox', '--disable-dev-shm-usage', '--disable-background-networking', '--no-first-run'],
  '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
];

/** Errors: where there is none, saying how to get one. */
export function chromiumPath(): string {
  const wanted = process.env.WALDB_CHROMIUM;
  const found = [...(wanted === undefined ? [] : [wanted]), ...PLACES].find((path) => existsSync(path));
  if (found !== undefined) return found;
  throw new Error(
    'These tests need Chromium, and there is none at /usr/bin/chromium. Debian and Ubuntu: apt-get install chromium; ' +
      'elsewhere, name a Chromium or Chrome with WALDB_CHROMIUM=/path/to/it.',
  );
}

export function launchChromium(): Promise<Browser> {
  return chromium.launch({ executablePath: chromiumPath(), args: ARGUMENTS });
}

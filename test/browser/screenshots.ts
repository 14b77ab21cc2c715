// Makes the pictures in docs/ again: `npm run screenshots`. Three servers under load, seen in light and in dark; then the
// leader is killed, and seen again. What is on the pictures is what was there: nothing is made up for them.

import { type ChildProcess, execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Browser, Page } from 'playwright-core';
import { spawnWaldb, stopAll } from '../support/cluster-process.js';
import compileCli from '../support/compile-cli.js';
import { launchChromium } from './support/chromium.js';
import { Trio } from './support/trio.js';

const DOCS = join(import.meta.dirname, '../../docs');
/** Long enough for curves, a snapshot and compaction. */
const SECONDS = Number(process.env.WALDB_SCREENSHOT_SECONDS ?? 60);
const SIZE = { width: 1280, height: 1080 };

async function main(): Promise<void> {
  compileCli();
  const browser = await launchChromium();
  const trio = await Trio.start({ token: 'only-for-these-pictures', args: ['--snapshot-entries', '2000'] });
  const load: ChildProcess[] = [];
  try {
    const leader = await trio.leader();
    const [watched = 1, other = 1] = trio.followers(leader);
    load.push(bench(trio, other));
    // One follower is away for a while, so that its lag is seen to grow and to go.
    await pause((SECONDS * 1000) / 2);
    await trio.kill(other);
    await pause((SECONDS * 1000) / 6);
    trio.start(other);
    await pause((SECONDS * 1000) / 3);
    await picture(browser, trio.url(watched), { colorScheme: 'light', name: 'dashboard-light' });
    await picture(browser, trio.url(watched), { colorScheme: 'dark', name: 'dashboard-dark' });
    await trio.kill(leader);
    await trio.leader();
    load.push(bench(trio, watched));
    await pause(6000);
    await picture(browser, trio.url(watched), { colorScheme: 'light', name: 'dashboard-failover' });
  } finally {
    for (const one of load) one.kill('SIGKILL');
    await browser.close();
    await trio.stop();
    await stopAll();
  }
}

function bench(trio: Trio, id: number): ChildProcess {
  const args = ['bench', '--server', trio.client(id), '--clients', '16', '--seconds', String(SECONDS * 2)];
  const child = spawnWaldb(args);
  // What it says is for others; a pipe that nobody empties would hold it up.
  child.stdout?.resume();
  child.stderr?.resume();
  return child;
}

async function picture(
  browser: Browser,
  url: string,
  { colorScheme, name }: { readonly colorScheme: 'light' | 'dark'; readonly name: string },
): Promise<void> {
  const context = await browser.newContext({ viewport: SIZE, colorScheme, reducedMotion: 'reduce' });
  const page = await context.newPage();
  await page.goto(url, { waitUntil: 'domcontentloaded' });
  await page.locator('.span label').first().click();
  await hasLines(page);
  await page.screenshot({ path: join(DOCS, `${name}.png`), fullPage: true });
  await context.close();
}

/** Whether something is drawn already. */
async function hasLines(page: Page): Promise<void> {
  await page.locator('[data-link="live"] .row .strip rect.applied').first().waitFor();
  await page.locator('[data-chart="lags"] canvas').waitFor();
  await pause(2500); // a beat or two, so that all of the others have answered
}

await main();
execFileSync(
  'ls',
  ['-l', ...['light', 'dark', 'failover'].map((name) => join(DOCS, `dashboard-${name}.png`))],
  {
    stdio: 'inherit',
  },
);

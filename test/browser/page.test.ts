// What the page shows of a healthy cluster, and who can read and use it: in both themes, by keyboard, on a phone, with a
// screen reader's rules (axe), and with the token.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { runWaldb, stopAll } from '../support/cluster-process.js';
import { launchChromium } from './support/chromium.js';
import { DashboardPage, SEEN } from './support/dashboard-page.js';
import { Trio } from './support/trio.js';

const TOKEN = 'correct-horse-battery-staple';
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser: Browser;
let trio: Trio;
const opened: DashboardPage[] = [];

beforeAll(async () => {
  browser = await launchChromium();
  trio = await Trio.start({ token: TOKEN, args: ['--snapshot-entries', '50'] });
  await load(4, 3);
});

afterEach(async () => {
  for (const page of opened.splice(0)) {
    expect(page.complaints).toEqual([]);
    await page.close();
  }
});

afterAll(async () => {
  await browser?.close();
  await trio?.stop();
  await stopAll();
});

async function open(
  id: number,
  options: Parameters<typeof DashboardPage.open>[2] = {},
): Promise<DashboardPage> {
  const page = await DashboardPage.open(browser, trio.url(id), options);
  opened.push(page);
  await expect.poll(() => page.title(), SEEN).toBe('Serving');
  return page;
}

/** Something to commit; tried again where an election of a busy machine ends it. */
async function load(clients: number, seconds: number): Promise<void> {
  const numbers = ['--clients', String(clients), '--seconds', String(seconds)];
  await vi.waitFor(async () => {
    const { exitCode } = await runWaldb(['bench', '--server', trio.client(1), ...numbers]);
    expect(exitCode).toBe(0);
  }, SEEN);
}

/** Has the leadership handed on; tried again where an election of a busy machine comes between. Gives who leads then. */
async function handOver(shown: DashboardPage): Promise<number> {
  const { page } = shown;
  let to = 0;
  const tried = async (): Promise<string | null> => {
    if (await page.locator('#confirm').isVisible()) await page.locator('#confirm-close').click();
    [to = 0] = trio.followers(await trio.leader());
    await shown.row(to).locator('summary').click();
    await shown.row(to).locator('button', { hasText: 'Make leader' }).click();
    expect(await page.locator('#confirm-title').textContent()).toBe(`Hand leadership to server ${to}?`);
    expect(await page.locator('#confirm-text').textContent()).toContain('Nothing is lost.');
    await page.locator('#confirm-do').click();
    await expect.poll(() => page.locator('#note').textContent(), SEEN).not.toMatch(/under way\.$/);
    return await page.locator('#note').textContent();
  };
  await expect.poll(async () => (await tried()) === `Server ${to} leads now.`, SEEN).toBe(true);
  return to;
}

async function unlock({ page }: DashboardPage, token = TOKEN): Promise<void> {
  await page.locator('#lock').click();
  await page.locator('#token-input').fill(token);
  await page.locator('#token-give').click();
}

/** Of each server its role, and how far it is behind. */
async function lags(shown: DashboardPage): Promise<string[]> {
  const told = [1, 2, 3].map(async (id) => {
    const behind = shown.row(id).locator('.gauges > div:not([hidden])', { hasText: 'behind' }).locator('dd');
    return `${await shown.role(id)}: ${(await behind.allTextContents()).join()}`;
  });
  return (await Promise.all(told)).sort();
}

describe('a page of any server', () => {
  it.each([1, 2, 3])(
    'server %i shows all three: roles, logs, lag, latencies, and asks nobody else for anything',
    async (id) => {
      const shown = await open(id);
      for (const one of [1, 2, 3]) {
        await expect.poll(() => shown.state(one), SEEN).toMatch(/^well, up /);
        expect(await shown.log(one)).toMatch(
          new RegExp(
            `^Log of server ${one}: (no snapshot|snapshot through [\\d\\s]+), .*, applied through [\\d\\s]+, committed`,
          ),
        );
      }
      // Whoever leads now: an election may have come between.
      await expect
        .poll(() => lags(shown), SEEN)
        .toEqual(['follower: nothing', 'follower: nothing', 'leader: ']);
      await expect.poll(() => shown.log(id), SEEN).toContain('snapshot through');
      expect(Number((await shown.figure('Committed through'))?.replaceAll(/\D/g, ''))).toBeGreaterThan(50);
      // The past is there although the page was not: the load of before was measured by the servers themselves.
      const commits = shown.page.locator('[data-chart="commits"] .plot');
      await expect.poll(() => commits.locator('canvas').count(), SEEN).toBe(1);
      expect([...shown.hosts]).toEqual([new URL(trio.url(id)).host]);
    },
  );

  it('goes on by itself: what is committed now is shown now', async () => {
    const shown = await open(1);
    const before = Number((await shown.figure('Committed through'))?.replaceAll(/\D/g, ''));
    await load(2, 1);
    await expect
      .poll(async () => Number((await shown.figure('Committed through'))?.replaceAll(/\D/g, '')), SEEN)
      .toBeGreaterThan(before);
  });
});

describe('themes', () => {
  it('follow the system, until somebody chooses; the choice stays', async () => {
    const shown = await open(1, { colorScheme: 'dark' });
    const paper = () => shown.page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const dark = await paper();
    await shown.page.emulateMedia({ colorScheme: 'light' });
    await expect.poll(paper, SEEN).not.toBe(dark);
    await shown.page.locator('#theme').click(); // light
    await shown.page.locator('#theme').click(); // dark
    expect(await shown.page.locator('#theme').textContent()).toBe('Theme: dark');
    expect(await paper()).toBe(dark);
    await shown.page.reload({ waitUntil: 'domcontentloaded' });
    expect(await paper()).toBe(dark);
  });

  it('nothing moves where motion is not wanted', async () => {
    const shown = await open(1, { reducedMotion: 'reduce' });
    const moving = await shown.page.evaluate(
      () =>
        [...document.querySelectorAll('*')].filter((one) => getComputedStyle(one).animationName !== 'none')
          .length,
    );
    expect(moving).toBe(0);
  });
});

describe('sizes', () => {
  it.each([360, 800, 1600])('%i pixels are enough, and used', async (width) => {
    const shown = await open(2, { viewport: { width, height: 900 } });
    const wide = await shown.page.evaluate(() => document.documentElement.scrollWidth);
    expect(wide).toBeLessThanOrEqual(width);
    const strip = await shown.row(1).locator('.strip').boundingBox();
    expect(strip?.width).toBeGreaterThan(Math.min(width * 0.5, 240));
  });
});

describe('axe', () => {
  async function violations(page: Page): Promise<string[]> {
    await page.evaluate(AXE);
    const found = await page.evaluate(
      async () =>
        // @ts-expect-error axe was put there
        (await window.axe.run(document)).violations.map(
          ({ id, nodes }: { id: string; nodes: { target: string[] }[] }) =>
            `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`,
        ) as string[],
    );
    return found;
  }

  it.each(['light', 'dark'] as const)('finds nothing wrong, %s', async (colorScheme) => {
    const shown = await open(1, { colorScheme });
    expect(await violations(shown.page)).toEqual([]);
    await unlock(shown);
    await shown.row(1).locator('summary').click();
    expect(await violations(shown.page)).toEqual([]);
    await shown.row(1).locator('.menu button').last().click();
    expect(await violations(shown.page)).toEqual([]);
  });

  it('finds nothing wrong on a phone, and in the form for the token', async () => {
    const shown = await open(1, { viewport: { width: 360, height: 740 } });
    expect(await violations(shown.page)).toEqual([]);
    await shown.page.locator('#lock').click();
    expect(await violations(shown.page)).toEqual([]);
  });

  it('would find something', async () => {
    const shown = await open(1);
    await shown.page.evaluate(() => document.querySelector('#theme')?.replaceChildren());
    expect(await violations(shown.page)).toEqual([expect.stringContaining('button-name: #theme')]);
  });
});

describe('the keyboard', () => {
  /** What has the focus, and whether that is seen. */
  async function focus(page: Page): Promise<string> {
    return await page.evaluate(() => {
      const one = document.activeElement ?? document.body;
      const ring = getComputedStyle(one.matches('.span input') ? (one.nextElementSibling ?? one) : one);
      const seen =
        ring.outlineStyle !== 'none' && Number.parseFloat(ring.outlineWidth) > 0 ? '' : ' (not seen)';
      if (one === document.body) return 'nowhere';
      return `${one.id || one.getAttribute('aria-label') || one.textContent || one.tagName}${seen}`;
    });
  }

  async function walk({ page }: DashboardPage, most: number): Promise<string[]> {
    const stops: string[] = [];
    for (let nth = 0; nth < most; nth++) {
      await page.keyboard.press('Tab');
      const stop = await focus(page);
      if (stops.includes(stop) || stop === 'nowhere') break;
      stops.push(stop);
    }
    return stops;
  }

  it('reaches everything, in the order of reading, and shows where it is', async () => {
    const shown = await open(1);
    expect(await walk(shown, 12)).toEqual([
      'Skip to the servers',
      'theme',
      'lock',
      expect.stringMatching(/^INPUT$/),
      'Licenses',
    ]);
    await shown.page.reload({ waitUntil: 'domcontentloaded' });
    await shown.page.keyboard.press('Tab');
    await shown.page.keyboard.press('Enter');
    await expect.poll(() => shown.page.evaluate(() => document.activeElement?.id), SEEN).toBe('servers');
  });

  it('unlocks, opens actions, and gets out of everything again', async () => {
    const shown = await open(1);
    const { page } = shown;
    for (let nth = 0; nth < 3; nth++) await page.keyboard.press('Tab');
    await page.keyboard.press('Enter');
    expect(await focus(page)).toBe('token-input');
    await page.keyboard.press('Escape');
    expect(await focus(page)).toBe('lock');
    await page.keyboard.press('Enter');
    await page.keyboard.type(TOKEN);
    await page.keyboard.press('Enter');
    await expect.poll(() => page.locator('#lock').textContent(), SEEN).toBe('Admin: lock');
    await expect.poll(() => shown.row(1).locator('summary').isVisible(), SEEN).toBe(true);
    await page.keyboard.press('Tab');
    expect(await focus(page)).toBe('Actions on server 1');
    await page.keyboard.press('Enter');
    await page.keyboard.press('Tab');
    expect(await focus(page)).toMatch(/^(Make leader|Take snapshot)$/);
    await page.keyboard.press('Escape');
    expect(await focus(page)).toBe('Actions on server 1');
    expect(await shown.row(1).locator('.menu ul').isVisible()).toBe(false);
  });
});

describe('the token', () => {
  it('is asked for, and a wrong one opens nothing', async () => {
    const shown = await open(1);
    expect(await shown.page.locator('.menu').first().isVisible()).toBe(false);
    await unlock(shown, 'not-the-token-at-all');
    await expect
      .poll(() => shown.page.locator('#token-error').textContent(), SEEN)
      .toBe('That is not the admin token of this server.');
    expect(await shown.page.locator('#lock').textContent()).toBe('Read-only: unlock');
    // The browser says of every refusal that it was one.
    shown.complaints.splice(0);
  });

  it('lets the page act, on any server, and is kept in the tab alone', async () => {
    const shown = await open(1);
    await unlock(shown);
    await expect.poll(() => shown.page.locator('#lock').textContent(), SEEN).toBe('Admin: lock');
    const to = await handOver(shown);

    await shown.row(to).locator('summary').click();
    await shown.row(to).locator('button', { hasText: 'Take snapshot' }).click();
    await shown.page.locator('#confirm-do').click();
    await expect
      .poll(() => shown.page.locator('#note').textContent(), SEEN)
      .toMatch(new RegExp(`^Server ${to} has saved its state through entry \\d+\\.$`));

    expect(shown.page.url()).not.toContain(TOKEN);
    const kept = await shown.page.evaluate(() =>
      [JSON.stringify({ ...localStorage }), document.cookie].join(),
    );
    expect(kept).not.toContain(TOKEN);
    await shown.page.locator('#lock').click();
    expect(await shown.page.evaluate(() => JSON.stringify({ ...sessionStorage }))).toBe('{}');
    await expect.poll(() => shown.row(to).locator('.menu').isVisible(), SEEN).toBe(false);
  });

  it('what is grave says what it does, and Escape does nothing of it', async () => {
    const shown = await open(1);
    await unlock(shown);
    const [follower = 0] = trio.followers(await trio.leader());
    await shown.row(follower).locator('summary').click();
    await shown.row(follower).locator('button', { hasText: 'Remove' }).click();
    expect(await shown.page.locator('#confirm-text').textContent()).toMatch(
      /has to be wiped and added again\. 2 voters are left, and none of them may be lost\.$/,
    );
    expect(await shown.page.evaluate(() => document.activeElement?.id)).toBe('confirm-close');
    await shown.page.keyboard.press('Escape');
    expect(await shown.page.locator('#confirm').isVisible()).toBe(false);
    expect(await shown.title()).toBe('Serving');
    expect(await shown.page.locator('[data-server]').count()).toBe(3);
  });
});

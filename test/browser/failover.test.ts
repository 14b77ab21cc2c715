// A leader is killed, and so is the server that the page is of: what somebody before the page sees of it.

import type { Browser } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { stopAll } from '../support/cluster-process.js';
import { launchChromium } from './support/chromium.js';
import { DashboardPage, SEEN } from './support/dashboard-page.js';
import { Trio } from './support/trio.js';

let browser: Browser;
let trio: Trio;

beforeAll(async () => {
  browser = await launchChromium();
});

afterEach(async () => {
  await trio.stop();
  await stopAll();
});

afterAll(() => browser?.close());

describe('the dashboard', () => {
  it('shows a leader that is killed, who comes after it, and its return', async () => {
    trio = await Trio.start();
    const leader = await trio.leader();
    const [watched = 0, other = 0] = trio.followers(leader);
    const shown = await DashboardPage.open(browser, trio.url(watched));
    await expect.poll(() => shown.title(), SEEN).toBe('Serving');
    expect(await shown.role(leader)).toBe('leader');
    expect(await shown.role(other)).toBe('follower');
    const term = Number(await shown.figure('Term'));
    await expect.poll(() => shown.said(), SEEN).toBe(`Server ${leader} leads in term ${term}.`);

    await trio.kill(leader);
    await expect.poll(() => shown.state(leader), SEEN).toMatch(/^away: nothing listens there; last heard /);
    await expect.poll(() => shown.title(), SEEN).toBe('Serving, with 2 of 3 voters');
    const roles = async () => [await shown.role(watched), await shown.role(other)].sort();
    await expect.poll(roles, SEEN).toEqual(['follower', 'leader']);
    const successor = (await shown.role(watched)) === 'leader' ? watched : other;
    const newTerm = Number(await shown.figure('Term'));
    expect(newTerm).toBeGreaterThan(term);
    await expect.poll(() => shown.said(), SEEN).toBe(`Server ${successor} leads in term ${newTerm}.`);

    // The election is told, with the time that it took, and drawn: a bar for each term.
    const changes = shown.page.locator('#changes li');
    await expect
      .poll(() => changes.first().textContent(), SEEN)
      .toMatch(
        new RegExp(
          `Server ${successor} leads, in term ${newTerm}, after server \\d in term \\d+( and .* in which none was known)?\\.$`,
        ),
      );
    await expect.poll(() => shown.page.locator('#timeline .bar').count(), SEEN).toBeGreaterThanOrEqual(2);
    expect(await shown.page.locator('#timeline').getAttribute('aria-label')).toContain(
      `server ${leader} in term ${term}`,
    );

    trio.start(leader);
    await expect.poll(() => shown.title(), SEEN).toBe('Serving');
    await expect.poll(() => shown.role(leader), SEEN).toBe('follower');
    await expect.poll(() => shown.state(leader), SEEN).toMatch(/^well, up /);

    // Whoever comes later sees the same past.
    const later = await DashboardPage.open(browser, trio.url(successor === watched ? other : watched));
    await expect
      .poll(() => later.page.locator('#timeline').getAttribute('aria-label'), SEEN)
      .toContain(`server ${successor} in term ${newTerm}`);
    expect(shown.complaints).toEqual([]);
  });

  it('says that it is cut off when its own server is gone, and comes back with it', async () => {
    trio = await Trio.start();
    const leader = await trio.leader();
    const [watched = 0, other = 0] = trio.followers(leader);
    const shown = await DashboardPage.open(browser, trio.url(watched));
    await expect.poll(() => shown.title(), SEEN).toBe('Serving');

    await trio.kill(watched);
    await expect.poll(() => shown.title(), SEEN).toBe('Connection lost');
    expect(await shown.link()).toBe('lost');
    await expect.poll(() => shown.said(), SEEN).toBe('Connection lost.');
    await expect
      .poll(() => shown.page.locator('#verdict-more').textContent(), SEEN)
      .toMatch(/What is shown below is how things were \d+ m?s ago\.$/);
    const links = await shown.page
      .locator('#elsewhere a')
      .evaluateAll((all) => all.map((a) => a.getAttribute('href')));
    expect(links.sort()).toEqual([trio.url(leader), trio.url(other)].sort());

    trio.start(watched);
    await expect.poll(() => shown.link(), SEEN).toBe('live');
    await expect.poll(() => shown.title(), SEEN).toBe('Serving');
    expect(await shown.page.locator('#elsewhere').isVisible()).toBe(false);
  });
});

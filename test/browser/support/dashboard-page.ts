// The dashboard's page as somebody who sits before it: what stands there, by its names.

import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core';
import { expect } from 'vitest';

export const SEEN = { timeout: 90_000, interval: 150 };

export class DashboardPage {
  readonly page: Page;
  /** Hosts that anything was asked of. */
  readonly hosts = new Set<string>();
  /** What the page complained of. */
  readonly complaints: string[] = [];

  static async open(
    browser: Browser,
    url: string,
    options: BrowserContextOptions = {},
  ): Promise<DashboardPage> {
    const context = await browser.newContext({ reducedMotion: 'reduce', ...options });
    const opened = new DashboardPage(await context.newPage());
    await opened.page.goto(url, { waitUntil: 'domcontentloaded' });
    await expect.poll(() => opened.link(), SEEN).toBe('live');
    return opened;
  }

  private constructor(page: Page) {
    this.page = page;
    page.on('request', (request) => this.hosts.add(new URL(request.url()).host));
    page.on('pageerror', (error) => this.complaints.push(error.message));
    page.on('console', (message) => {
      // That a server which was killed does not answer, and that a change was refused, the browser says, too.
      if (message.type() === 'error' && !/ERR_|status of (?:409|421|503)/.test(message.text()))
        this.complaints.push(message.text());
    });
  }

  link(): Promise<string | null> {
    return this.page.locator('#link').getAttribute('data-link');
  }

  title(): Promise<string | null> {
    return this.page.locator('#verdict-text').textContent();
  }

  said(): Promise<string | null> {
    return this.page.locator('#said').textContent();
  }

  figure(name: string): Promise<string | null> {
    return this.page.locator('#figures > div', { hasText: name }).locator('dd').textContent();
  }

  row(id: number): Locator {
    return this.page.locator(`[data-server="${id}"]`);
  }

  async role(id: number): Promise<string | null> {
    return await this.row(id).locator('.role').textContent();
  }

  async state(id: number): Promise<string | null> {
    return await this.row(id).locator('.state').textContent();
  }

  /** What is said of a log to whoever does not see it. */
  async log(id: number): Promise<string | null> {
    return await this.row(id).locator('.strip').getAttribute('aria-label');
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}

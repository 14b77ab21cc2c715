// The page by HTTPS, in a browser: the stream is live, all servers are seen through any one of them, and what is done with the
// token is handed on to the server that has to do it. (Whom servers and tools believe: packages/cli/test/admin-tls.test.ts.)

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ClusterProcess, freePorts, makeDirectory, runWaldb, stopAll } from '../support/cluster-process.js';
import { launchChromium } from './support/chromium.js';
import { DashboardPage, SEEN } from './support/dashboard-page.js';

const TOKEN = 'correct-horse-battery-staple';

let browser: Browser;
let port = 0;

beforeAll(async () => {
  browser = await launchChromium();
  const directory = makeDirectory();
  const certs = join(directory, 'certs');
  await runWaldb(['certs', 'create', '--directory', certs, '--ids', '1', '--hosts', '127.0.0.1']);
  writeFileSync(join(directory, 'token'), TOKEN, { mode: 0o600 });
  port = await freePorts(3);
  const cluster = new ClusterProcess({
    directory: join(directory, 'data'),
    port,
    args: [
      ...['--admin-token-file', join(directory, 'token'), '--admin-tls-ca', join(certs, 'ca.crt')],
      ...['--admin-tls-cert', join(certs, 'node-1.crt'), '--admin-tls-key', join(certs, 'node-1.key')],
    ],
  });
  await cluster.allReady();
  expect(cluster.output).toContain(`Dashboard: https://127.0.0.1:${port + 200}/ `);
});

afterAll(async () => {
  await browser?.close();
  await stopAll();
});

it('by HTTPS the page is live, shows every server, and has another one do something', async () => {
  // Chromium takes authorities from its system alone; that others are not believed is tried with tools.
  const shown = await DashboardPage.open(browser, `https://127.0.0.1:${port + 200}/`, {
    ignoreHTTPSErrors: true,
  });
  await expect.poll(() => shown.title(), SEEN).toBe('Serving');
  for (const id of [1, 2, 3]) await expect.poll(() => shown.state(id), SEEN).toMatch(/^well, up /);
  expect([...shown.hosts]).toEqual([`127.0.0.1:${port + 200}`]);
  await shown.page.locator('#lock').click();
  await shown.page.locator('#token-input').fill(TOKEN);
  await shown.page.locator('#token-give').click();
  await expect.poll(() => shown.page.locator('#lock').textContent(), SEEN).toBe('Admin: lock');
  await shown.row(3).locator('summary').click();
  await shown.row(3).locator('button', { hasText: 'Take snapshot' }).click();
  await shown.page.locator('#confirm-do').click();
  await expect
    .poll(() => shown.page.locator('#note').textContent(), SEEN)
    .toMatch(/^Server 3 has saved its state through entry \d+\.$/);
  expect(shown.complaints).toEqual([]);
  await shown.close();
});

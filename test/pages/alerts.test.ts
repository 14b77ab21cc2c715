// The alerts and the Grafana dashboard ask for metrics that a server tells, by labels that it gives them; the alerts fire
// when they should, which Prometheus's own promtool finds out where it is installed.

import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RaftServer } from '@waldb/runtime';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { metricsPage } from '../../packages/cli/src/admin/metrics-page.js';
import { KvStateMachine, RespServer, raftReplica } from '../../packages/kv/src/index.js';
import { freePort } from '../support/free-port.js';
import { ROOT } from './markdown.js';

const ALERTS = readFileSync(join(ROOT, 'docs/prometheus-alerts.yml'), 'utf8');
const TESTS = readFileSync(join(ROOT, 'docs/prometheus-alerts.test.yml'), 'utf8');
const DASHBOARD = readFileSync(join(ROOT, 'docs/grafana-dashboard.json'), 'utf8');
/** What Prometheus itself adds. */
const ADDED = ['up', 'ALERTS'];

let directory = '';
/** Labels by the name of the series, from what is scraped and from the page that explains it. */
const labels = new Map<string, readonly string[]>();

beforeAll(async () => {
  directory = mkdtempSync(join(tmpdir(), 'waldb-alerts-'));
  const stateMachine = new KvStateMachine();
  const server = await RaftServer.start({
    ...{ id: 1, directory, stateMachine },
    bootstrap: { members: { 1: `127.0.0.1:${await freePort()}` } },
  });
  const listen = { host: '127.0.0.1', port: 0 };
  const store = await RespServer.start({ listen, replica: raftReplica(server), stateMachine });
  const scraped = await metricsPage(server, store)();
  await store.close();
  await server.close();
  const page = readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8');
  for (const [, name = '', type = ''] of scraped.matchAll(/^# TYPE (\w+) (\w+)$/gm)) {
    const [, list = ''] = new RegExp(`\`${name}\\{([\\w, ]+)\\}\``).exec(page) ?? [];
    const own = list.split(/, */).filter(Boolean);
    if (type !== 'histogram') labels.set(name, own);
    else {
      labels.set(`${name}_bucket`, [...own, 'le']);
      for (const suffix of ['_sum', '_count']) labels.set(`${name}${suffix}`, own);
    }
  }
});

afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** What an expression, or a series of a test, asks for that no server tells. */
function unknownIn(text: string): string[] {
  const asked = text.matchAll(/\b((?:waldb|process|nodejs)_\w+)(?:\{([^}]*)\})?/g);
  return [...asked].flatMap(([, name = '', matchers = '']) => {
    const known = labels.get(name);
    if (known === undefined) return ADDED.includes(name) ? [] : [name];
    const used = [...matchers.matchAll(/(\w+) *(?:=~|!~|!=|=)/g)].map(([, label = '']) => label);
    return used
      .filter((label) => !['job', 'instance', ...known].includes(label))
      .map((label) => `${name}{${label}}`);
  });
}

/** The alerts' expressions, without what is said to people. */
function expressions(): string[] {
  return [...ALERTS.matchAll(/^ +expr: (.+)$/gm)].map(([, expression = '']) => expression);
}

describe('what Prometheus and Grafana are asked for', () => {
  it('is told by a server, with those labels', () => {
    const all = [...expressions(), TESTS, DASHBOARD.replaceAll('\\"', '"')];
    expect(expressions().length).toBeGreaterThan(15);
    expect(all.flatMap(unknownIn)).toEqual([]);
    expect(labels.get('waldb_peer_lag_entries')).toEqual(['peer']);
    expect(unknownIn('rate(waldb_no_such_total[5m]) > waldb_term{peer="1"}')).toEqual([
      'waldb_no_such_total',
      'waldb_term{peer}',
    ]);
  });

  it('every alert is seen to fire in a test, says how urgent it is and what to do', () => {
    const alerts = ALERTS.split(/^ +- alert: /m).slice(1);
    for (const alert of alerts) {
      const [name = ''] = alert.split('\n');
      expect.soft(TESTS, name).toContain(`alertname="${name}"`);
      expect.soft(alert).toMatch(/severity: (?:page|ticket)\n[\s\S]*summary: "[^"]+"\n +what_to_do: "[^"]+"/);
    }
    expect(alerts.length).toBe(expressions().length);
  });

  it.skipIf(!hasPromtool())('promtool finds the rules, their tests and the configuration right', () => {
    for (const call of [
      ['check', 'rules', 'prometheus-alerts.yml'],
      ['check', 'config', 'prometheus.yml'],
      ['test', 'rules', 'prometheus-alerts.test.yml'],
    ]) {
      const { status, stdout, stderr } = spawnSync('promtool', call, {
        cwd: join(ROOT, 'docs'),
        encoding: 'utf8',
      });
      expect(status, `${stdout}${stderr}`).toBe(0);
    }
  });
});

function hasPromtool(): boolean {
  return spawnSync('promtool', ['--version']).error === undefined;
}

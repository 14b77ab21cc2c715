// The dashboard's side in the server, of a real server on real ports, by HTTP and by HTTPS: what a page is told, who may
// change what, and what a browser is allowed to do with it.

import { writeFileSync } from 'node:fs';
import { type IncomingMessage, request as requestByHttp } from 'node:http';
import { request as requestByHttps } from 'node:https';
import { connect } from 'node:net';
import { join } from 'node:path';
import { createAuthority, issueCertificate } from '@waldb/certs';
import { parseEndpoint } from '@waldb/io';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DashboardState, ReportAnswer } from '../../src/dashboard/report.js';
import { Node } from '../../src/node.js';
import { freeAddresses } from '../support/free-addresses.js';
import { cleanUp, makeDirectory } from '../support/run-waldb.js';

const WAIT = { timeout: 30_000, interval: 50 };
const TOKEN = 'a-secret-of-22-letters';
const JSON_TYPE = { 'content-type': 'application/json' };
const nodes: Node[] = [];

const SCHEMES = ['http', 'https'] as const;
let scheme: (typeof SCHEMES)[number] = 'http';
/** PEM, of the authority that the servers' certificates are of. */
let ca = '';

const validity = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 3_600_000) };

/** Files of a certificate that names `store.example`, and the loopback. */
async function certificate(): Promise<{ cert: string; key: string; ca: string }> {
  const directory = makeDirectory();
  const authority = await createAuthority({ ...validity, commonName: 'test CA' });
  const hosts = ['127.0.0.1', 'store.example'];
  const made = await issueCertificate({ ...validity, commonName: 'test', uris: [], hosts }, authority);
  const write = (name: string, pem: string): string => {
    writeFileSync(join(directory, name), pem, { mode: 0o600 });
    return join(directory, name);
  };
  ca = authority.cert;
  return { cert: write('cert', made.cert), key: write('key', made.key), ca: write('ca', authority.cert) };
}

afterEach(async () => {
  for (const node of nodes.splice(0)) await node.close({ transfer: false });
  await cleanUp();
});

/** A server alone; gives its admin address. */
async function start(tokenFile?: string): Promise<string> {
  const [client = '', peer = '', admin = ''] = await freeAddresses(3);
  const at = (text: string) => parseEndpoint(text) ?? { host: '127.0.0.1', port: 0 };
  const node = await Node.start(
    {
      id: 1,
      directory: join(makeDirectory(), 'data'),
      members: undefined,
      clusterName: 'test',
      ownPeer: at(peer),
      peerListen: undefined,
      join: undefined,
      admin: at(admin),
      adminTokenFile: tokenFile,
      adminTls: scheme === 'https' ? await certificate() : { cert: undefined, key: undefined, ca: undefined },
      clientListen: at(client),
      clientAddress: at(client),
      clientAccess: { usersFile: undefined, tlsCert: undefined, tlsKey: undefined, tlsCa: undefined },
      clientLimits: { maxClients: 100, idleSeconds: 0 },
      tls: { ca: undefined, cert: undefined, key: undefined },
      snapshotEntries: 0,
      protocolTrace: undefined,
      logger: pino({ level: 'silent' }),
    },
    { onServing: () => undefined, onFailure: () => undefined },
  );
  nodes.push(node);
  await expect
    .poll(async () => JSON.parse((await ask(admin, '/dashboard/report')).text), WAIT)
    .toMatchObject({
      isReady: true,
    });
  return admin;
}

function tokenFile(): string {
  const path = join(makeDirectory(), 'token');
  writeFileSync(path, TOKEN, { mode: 0o600 });
  return path;
}

interface Wish {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: object;
}

function begin(admin: string, path: string, { method = 'GET', headers = {}, body }: Wish = {}) {
  return new Promise<IncomingMessage>((resolve, reject) => {
    const options = { method, headers, agent: false as const };
    const asked =
      scheme === 'http'
        ? requestByHttp(`http://${admin}${path}`, options, resolve)
        : requestByHttps(`https://${admin}${path}`, { ...options, ca, servername: '' }, resolve);
    asked.on('error', reject);
    asked.end(body && JSON.stringify(body));
  });
}

async function ask(admin: string, path: string, wish: Wish = {}) {
  const response = await begin(admin, path, wish);
  let text = '';
  for await (const chunk of response) text += chunk;
  return { status: response.statusCode, headers: response.headers, text };
}

async function codeOf(admin: string, path: string, headers: Record<string, string>): Promise<string> {
  const { status, text } = await ask(admin, path, { method: 'POST', headers, body: { id: 1 } });
  return `${status} ${JSON.parse(text).error?.code ?? 'ok'}`;
}

/** What a page is told: the first `count` states. */
async function states(admin: string, count: number): Promise<DashboardState[]> {
  const response = await begin(admin, '/dashboard/events');
  let text = '';
  for await (const chunk of response) {
    text += chunk;
    const found = [...text.matchAll(/^event: (?:all|news)\ndata: (.*)\n\n/gm)];
    if (found.length < count) continue;
    response.destroy();
    return found.map(([, data = '']) => JSON.parse(data) as DashboardState);
  }
  throw new Error('the stream ended');
}

describe.each(SCHEMES)('by %s', (one) => {
  beforeEach(() => {
    scheme = one;
  });

  describe('the stream of a page', () => {
    it('tells all that is known, and then what is new', async () => {
      const admin = await start();
      const told = await states(admin, 3);
      const [first, second, third] = told;
      expect(first).toMatchObject({ id: 1, leader: 1, isServing: true, voters: 1, votersPresent: 1 });
      expect(first?.servers).toMatchObject([{ id: 1, kind: 'voter', reach: 'self', admin }]);
      expect(first?.servers[0]?.report).toMatchObject({
        role: 'leader',
        term: first?.term,
      });
      expect(first?.spells).toMatchObject([{ leader: 1, term: first?.term }]);
      expect(first?.pages).toEqual({ open: 1, cut: 0 });
      const dates = (state: DashboardState | undefined) => (state?.samples[1] ?? []).map(({ date }) => date);
      expect(dates(second)).not.toEqual([]);
      for (const date of dates(third)) expect(dates(second)).not.toContain(date);
    });

    it('a report has what came after a date', async () => {
      const admin = await start();
      const report = async (since: number | string): Promise<ReportAnswer> =>
        JSON.parse((await ask(admin, `/dashboard/report?since=${since}`)).text);
      await expect.poll(async () => (await report(0)).samples.length, WAIT).toBeGreaterThanOrEqual(2);
      const { samples } = await report(0);
      const later = await report(samples[0]?.date ?? 0);
      expect(later.samples[0]).toEqual(samples[1]);
      expect((await report('nonsense')).samples.length).toBeGreaterThanOrEqual(samples.length);
    });
  });

  describe('who may change what', () => {
    it('without a token, tools may and pages may not', async () => {
      const admin = await start();
      const page = { ...JSON_TYPE, origin: `${scheme}://${admin}` };
      expect(await codeOf(admin, '/dashboard/act', page)).toBe('403 READ_ONLY');
      expect(await codeOf(admin, '/snapshot/take', page)).toBe('403 READ_ONLY');
      expect(await codeOf(admin, '/snapshot/take', JSON_TYPE)).toBe('200 ok');
    });

    it('with a token, everybody who wants to change something needs it, and whoever looks does not', async () => {
      const admin = await start(tokenFile());
      for (const path of [
        '/members/remove',
        '/snapshot/save',
        '/snapshot/take',
        '/dashboard/act',
        '/dashboard/token',
      ]) {
        expect(await codeOf(admin, path, JSON_TYPE)).toBe('401 TOKEN_WANTED');
        expect(await codeOf(admin, path, { ...JSON_TYPE, authorization: 'Bearer wrong' })).toBe(
          '401 TOKEN_WRONG',
        );
      }
      const known = { ...JSON_TYPE, authorization: `Bearer ${TOKEN}`, origin: `${scheme}://${admin}` };
      expect(await codeOf(admin, '/dashboard/token', known)).toBe('200 ok');
      const taken = await ask(admin, '/dashboard/act', {
        method: 'POST',
        headers: known,
        body: { action: 'snapshot', id: 1 },
      });
      expect(JSON.parse(taken.text)).toMatchObject({ ok: true });
      expect((await ask(admin, '/status')).status).toBe(200);
      expect((await states(admin, 1))[0]?.takesToken).toBe(true);
    });

    it('what it cannot do is refused with the reason', async () => {
      const admin = await start(tokenFile());
      const headers = { ...JSON_TYPE, authorization: `Bearer ${TOKEN}` };
      const say = async (body: object): Promise<unknown> =>
        JSON.parse((await ask(admin, '/dashboard/act', { method: 'POST', headers, body })).text);
      expect(await say({ action: 'explode', id: 1 })).toMatchObject({ error: { code: 'OPTIONS_INVALID' } });
      expect(await say({ action: 'remove' })).toMatchObject({ error: { code: 'OPTIONS_INVALID' } });
      expect(await say({ action: 'snapshot', id: 7 })).toMatchObject({ error: { code: 'NOT_REACHED' } });
      expect(await say({ action: 'remove', id: 1 })).toMatchObject({ error: { code: 'CONFIG_INVALID' } });
    });

    it('pages of others are refused, by name and by origin, whatever they know', async () => {
      const admin = await start(tokenFile());
      const known = { ...JSON_TYPE, authorization: `Bearer ${TOKEN}` };
      expect(await codeOf(admin, '/dashboard/act', { ...known, origin: 'http://evil.example' })).toBe(
        '403 FOREIGN_REQUEST',
      );
      const other = scheme === 'http' ? 'https' : 'http';
      expect(await codeOf(admin, '/dashboard/act', { ...known, origin: `${other}://${admin}` })).toBe(
        '403 FOREIGN_REQUEST',
      );
      for (const path of ['/', '/dashboard/events', '/dashboard/report'])
        expect((await ask(admin, path, { headers: { host: 'rebound.example' } })).status).toBe(403);
      // A browser makes sure that a name stands in the certificate; where there is none, any name could be pointed here.
      const named = await ask(admin, '/dashboard/report', { headers: { host: 'store.example' } });
      expect(named.status).toBe(scheme === 'https' ? 200 : 403);
    });
  });

  describe('the page', () => {
    it('may load nothing from elsewhere, and be framed by nobody', async () => {
      const admin = await start();
      const { status, headers, text } = await ask(admin, '/');
      expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
      expect(headers['content-security-policy']).toMatch(
        /^default-src 'none'; script-src 'self'; style-src 'self';/,
      );
      expect(headers['content-security-policy']).toContain("frame-ancestors 'none'");
      expect(text).not.toMatch(/https?:|\bstyle=|<style|<script(?! src="\/)|\son\w+=/);
      const again = await ask(admin, '/', { headers: { 'if-none-match': headers.etag ?? '' } });
      expect([again.status, again.text]).toEqual([304, '']);
      const files = [...text.matchAll(/(?:src|href)="(\/[^"]+)"/g)].map(([, path = '']) => path);
      expect(files).toEqual(expect.arrayContaining(['/dashboard.js', '/dashboard.css', '/favicon.svg']));
      for (const path of files) expect((await ask(admin, path)).status).toBe(200);
    });

    it('is nothing but its files', async () => {
      const admin = await start();
      for (const path of ['/dashboard.ts', '/../package.json', '/constructor', '/dashboard/'])
        expect((await ask(admin, path)).status).toBe(404);
      expect((await ask(admin, '/', { method: 'POST', headers: JSON_TYPE })).status).toBe(405);
    });
  });

  describe('strangers', () => {
    it('who say nothing, or nonsense, take the places of others for a short time only', async () => {
      const admin = await start();
      const [host = '', port = ''] = admin.split(':');
      const sockets = Array.from({ length: 80 }, (_, nth) => {
        const socket = connect({ host, port: Number(port) });
        socket.on('error', () => undefined).resume();
        if (nth % 4 === 1) socket.write('nonsense, and no end of it');
        if (nth % 4 === 2) socket.write(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
        return socket;
      });
      const ended = sockets.map((socket) => new Promise((resolve) => socket.once('close', resolve)));
      await Promise.all(ended);
      expect((await ask(admin, '/health')).status).toBe(200);
    });
  });
});

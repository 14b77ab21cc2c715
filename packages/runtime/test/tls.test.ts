// A cluster whose servers prove to each other who they are. Real sockets; certificates made when the test runs.

import { readdirSync } from 'node:fs';
import { type Authority, createAuthority, issueCertificate } from '@waldb/certs';
import { NodeNetwork, type TlsCredentials } from '@waldb/io';
import { beforeAll, describe, expect, it } from 'vitest';
import { RuntimeError } from '../src/index.js';
import { Cluster, freeAddresses, startServer, temporaryDirectory, WAIT } from './support/cluster.js';
import { bytes } from './support/list-machine.js';

const DAY_MS = 86_400_000;

let authority: Authority;

beforeAll(async () => {
  authority = await createAuthority({ ...days(-10, 10), commonName: 'CA' });
});

function days(from: number, to: number) {
  return { notBefore: new Date(Date.now() + from * DAY_MS), notAfter: new Date(Date.now() + to * DAY_MS) };
}

async function credentials(name: string, signer: Authority = authority): Promise<TlsCredentials> {
  const files = await issueCertificate({ ...days(-1, 1), commonName: name, uris: [name] }, signer);
  return { ca: authority.cert, ...files };
}

async function secureCluster(): Promise<{ cluster: Cluster; tls: Map<number, TlsCredentials> }> {
  const tls = new Map<number, TlsCredentials>();
  for (const id of [1, 2, 3]) tls.set(id, await credentials(`waldb://c/${id}`));
  const cluster = await Cluster.start(3, {}, (id) => ({ tls: tls.get(id) ?? never() }));
  return { cluster, tls };
}

function never(): never {
  throw new Error('no such server');
}

describe('a cluster over TLS', () => {
  it('replicates, and survives the loss and the return of its leader', async () => {
    const { cluster, tls } = await secureCluster();
    const first = await cluster.leader();
    await first.server.propose(bytes('a'));
    await cluster.closeOne(first.id);
    const second = await cluster.leader();
    await second.server.propose(bytes('b'));
    await cluster.startOne(first.id, { tls: tls.get(first.id) ?? never() });
    expect(await cluster.agreeOn(2)).toEqual(['a', 'b']);
    expect(second.server.certificateValidTo?.getTime()).toBeGreaterThan(Date.now());
  });

  it('goes on while certificates and then the authority are replaced under load, server by server', async () => {
    const { cluster } = await secureCluster();
    const successor = await createAuthority({ ...days(-1, 10), commonName: 'CA 2' });
    let isDone = false;
    let acknowledged = 0;
    const load = (async () => {
      while (!isDone) {
        const { server } = [...cluster.members.values()].find((member) => member.server.isLeader) ?? {};
        try {
          await server?.propose(bytes(`item ${acknowledged}`));
          if (server !== undefined) acknowledged += 1;
        } catch (error) {
          if (!(error instanceof RuntimeError)) throw error; // a change of leader
        }
        await new Promise((resolve) => setImmediate(resolve));
      }
    })();
    const both = authority.cert + successor.cert;
    // 1. Everybody trusts both.  2. Everybody shows a certificate of the new one.  3. Nobody trusts the old one.
    const steps = [
      { ca: both, signer: authority },
      { ca: both, signer: successor },
      { ca: successor.cert, signer: successor },
    ];
    for (const { ca, signer } of steps) {
      for (const [id, { server }] of cluster.members) {
        server.replaceCertificates({ ...(await credentials(`waldb://c/${id}`, signer)), ca });
      }
      const before = acknowledged;
      await expect.poll(() => acknowledged, WAIT).toBeGreaterThan(before);
    }
    // What was open lives on; every connection is made anew when every server has been away.
    for (const id of cluster.ids) {
      await cluster.closeOne(id);
      const tls = { ...(await credentials(`waldb://c/${id}`, successor)), ca: successor.cert };
      await cluster.startOne(id, { tls });
      const before = acknowledged;
      await expect.poll(() => acknowledged, WAIT).toBeGreaterThan(before);
    }
    isDone = true;
    await load;
    const leader = await cluster.leader();
    const items = await cluster.agreeOn(leader.machine.items.length);
    expect(new Set(items.filter((item) => item.startsWith('item'))).size).toBeGreaterThanOrEqual(
      acknowledged,
    );
  });

  it('is not joined by a server of the right address and id, whose certificate is of another cluster', async () => {
    const { cluster, tls } = await secureCluster();
    const leader = await cluster.leader();
    const id = leader.id === 3 ? 2 : 3;
    await cluster.closeOne(id);
    const intruder = await cluster.startOne(id, { tls: await credentials(`waldb://d/${id}`) });
    await leader.server.propose(bytes('a'));
    expect(intruder.machine.items).toEqual([]);
    expect(leader.server.status().transport.peers[id]?.state).not.toBe('connected');
    await cluster.closeOne(id);
    await cluster.startOne(id, { tls: tls.get(id) ?? never() });
    expect(await cluster.agreeOn(1)).toEqual(['a']);
  });
});

describe('certificates that cannot be right are refused at the start, and nothing is written', () => {
  it.each<[string, (good: TlsCredentials) => Promise<TlsCredentials>, object]>([
    ['another server', () => credentials('waldb://c/2'), { option: 'tls.cert', problem: 'WRONG_SERVER' }],
    ['nobody', () => credentials('urn:x'), { option: 'tls.cert', problem: 'WRONG_SERVER' }],
    [
      'a key of another',
      async (good) => ({ ...good, key: (await credentials('waldb://c/1')).key }),
      { option: 'tls.key', problem: 'KEY_MISMATCH' },
    ],
    ['no PEM', async (good) => ({ ...good, ca: 'x' }), { option: 'tls.ca', problem: 'NOT_PEM' }],
  ])('%s', async (_, change, detail) => {
    const directory = temporaryDirectory();
    const [address = ''] = await freeAddresses(1);
    const tls = await change(await credentials('waldb://c/1'));
    await expect(
      startServer({ id: 1, directory, bootstrap: { members: { 1: address } }, tls }),
    ).rejects.toMatchObject({ code: 'OPTIONS_INVALID', detail });
    expect(readdirSync(directory)).toEqual([]);
  });

  it('TLS and a network of its own', async () => {
    const options = { id: 1, directory: temporaryDirectory(), network: new NodeNetwork() };
    const tls = await credentials('waldb://c/1');
    await expect(startServer({ ...options, tls })).rejects.toMatchObject({ code: 'OPTIONS_INVALID' });
  });

  it('on replacement: the server goes on with what it has', async () => {
    const [address = ''] = await freeAddresses(1);
    const common = { id: 1, bootstrap: { members: { 1: address } } };
    const tls = await credentials('waldb://c/1');
    const secure = await startServer({ ...common, directory: temporaryDirectory(), tls });
    const before = secure.server.certificateValidTo;
    const other = await credentials('waldb://c/2');
    expect(() => secure.server.replaceCertificates(other)).toThrow('is not one of server 1');
    expect(secure.server.certificateValidTo).toEqual(before);
    await secure.server.close();
    const plain = await startServer({ ...common, directory: temporaryDirectory() });
    expect(() => plain.server.replaceCertificates(tls)).toThrow('started without `tls`');
  });
});

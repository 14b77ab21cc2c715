// A peer of our own cluster that has gone mad: valid frames, valid messages in its own name, absurd contents. It can
// stop a cluster, since Raft believes its members; it must not bring a process down, nor make it store nonsense.

import { encodeEntry, type Message } from '@waldb/core';
import { NodeClock, NodeNetwork } from '@waldb/io';
import { TcpTransport } from '@waldb/transport';
import { describe, expect, it, onTestFinished } from 'vitest';
import { foundedClusterId, type RuntimeError } from '../src/index.js';
import { freeAddresses, startServer, temporaryDirectory, WAIT } from './support/cluster.js';

const HUGE = Number.MAX_SAFE_INTEGER;
const ENTRY_BYTES_MAX = 4096;

/** A real server 1 of three; the test is server 2, and 3 is not there. */
async function besideMadness() {
  const [one = '', two = '', three = ''] = await freeAddresses(3);
  const members = { 1: one, 2: two, 3: three };
  const received: Message[] = [];
  const refusals: unknown[] = [];
  const note = (fields: object) => {
    if ('reason' in fields) refusals.push(fields.reason);
  };
  const { server } = await startServer({
    id: 1,
    directory: temporaryDirectory(),
    bootstrap: { members },
    log: { entryBytesMax: ENTRY_BYTES_MAX },
    logger: { debug() {}, info() {}, warn: note, error: note },
  });
  const mad = await TcpTransport.listen({
    clusterId: foundedClusterId('', members),
    nodeId: 2,
    logId: 'log-2',
    address: two,
    listen: { host: '127.0.0.1', port: Number(two.split(':')[1]) },
    network: new NodeNetwork(),
    clock: new NodeClock(),
    random: () => 0.5,
    limits: { redialMsMin: 5, redialMsMax: 10 },
    onMessage: (message) => received.push(message),
  });
  onTestFinished(() => mad.close());
  mad.setPeer(1, { host: '127.0.0.1', port: Number(one.split(':')[1]) });
  const send = async (message: object): Promise<void> => {
    await expect.poll(() => mad.stats().peers[1]?.state, WAIT).toBe('connected');
    // What a mad peer says has the shape of a message, and nothing else of it.
    mad.send(1, { from: 2, to: 1, ...message } as unknown as Message);
    mad.flush();
  };
  /** It still takes part: it answers a question about its vote by the rules, with its own term. */
  const expectAlive = async (term: number): Promise<void> => {
    received.length = 0;
    await expect
      .poll(async () => {
        await send({ type: 'preVote', term: term + 1, lastLogIndex: 1000, lastLogTerm: term });
        return received.some((message) => message.type === 'preVoteReply');
      }, WAIT)
      .toBe(true);
  };
  return { server, send, refusals, expectAlive };
}

function entry(index: number, commandBytes: number, term: number) {
  return encodeEntry({ term, index, kind: 'normal', command: new Uint8Array(commandBytes) });
}

describe('a mad peer', () => {
  it.each([HUGE, HUGE - 1, 2 ** 48 + 1])(
    'with a term of %i is refused: there would be no next one',
    async (term) => {
      const { server, send, refusals, expectAlive } = await besideMadness();
      const before = server.term;
      await send({ type: 'heartbeat', term, leaderCommit: 0, round: 1 });
      await expect.poll(() => refusals, WAIT).toContain('MESSAGE_INVALID');
      expect(server.term).toBeLessThan(before + 1000);
      await expectAlive(server.term);
    },
  );

  it('with the largest term that is believed is believed, and the server goes on from there', async () => {
    const { server, send, expectAlive } = await besideMadness();
    await send({ type: 'heartbeat', term: 2 ** 48 - 5, leaderCommit: 0, round: 1 });
    await expect.poll(() => server.term, WAIT).toBeGreaterThanOrEqual(2 ** 48 - 5);
    await expectAlive(server.term);
  });

  it('with entries larger than the log takes is refused before they come to the log', async () => {
    const { server, send, refusals, expectAlive } = await besideMadness();
    const append = { type: 'appendEntries', term: 50, prevLogIndex: 0, prevLogTerm: 0, leaderCommit: 0 };
    await send({ ...append, entries: [entry(1, ENTRY_BYTES_MAX + 1, 50)] });
    await expect.poll(() => refusals, WAIT).toContain('MESSAGE_INVALID');
    await expectAlive(server.term);
    await send({ ...append, entries: [entry(1, 100, 50)] });
    await expect.poll(() => server.status().lastIndex, WAIT).toBe(1);
  });

  it('with numbers at the edge in any message changes nothing that matters, and stops nothing', async () => {
    const { server, send, expectAlive } = await besideMadness();
    const term = 50;
    for (const edge of [2 ** 48, 2 ** 48 + 1, HUGE]) {
      const messages = [
        {
          type: 'appendEntries',
          prevLogIndex: edge - 1,
          prevLogTerm: term,
          leaderCommit: edge,
          entries: [entry(edge, 1, term)],
        },
        {
          type: 'appendEntriesReply',
          success: true,
          prevLogIndex: edge,
          matchIndex: edge,
          hintIndex: edge,
          hintTerm: edge,
        },
        { type: 'heartbeat', leaderCommit: 0, round: edge },
        { type: 'heartbeatReply', round: edge },
        { type: 'readIndex', incarnation: edge, request: edge },
        { type: 'readIndexReply', incarnation: edge, request: edge, index: edge },
        { type: 'installSnapshotReply', snapshotIndex: edge, success: true, matchIndex: edge },
        { type: 'requestVote', lastLogIndex: edge, lastLogTerm: edge, transfer: true },
        { type: 'requestVoteReply', voteGranted: true },
        { type: 'preVoteReply', voteGranted: true },
      ];
      for (const message of messages) await send({ term, ...message });
    }
    await expectAlive(server.term);
    expect(server.status()).toMatchObject({ commitIndex: 0, lastIndex: 0 });
  });

  it('with a commit that was never acknowledged stops the server: it must think that it has lost something', async () => {
    const { server, send } = await besideMadness();
    const failures: RuntimeError[] = [];
    server.on('error', (error) => failures.push(error));
    await send({ type: 'heartbeat', term: 50, leaderCommit: 7, round: 1 });
    await expect.poll(() => failures.map(({ code }) => code), WAIT).toEqual(['LOG_CONTRADICTED']);
    expect(failures[0]).toMatchObject({
      message: expect.stringContaining('has acknowledged index 7, and its log ends at 0'),
      detail: { leader: expect.any(Number), index: 7, lastIndex: 0 },
    });
    expect(server.status()).toMatchObject({ commitIndex: 0, appliedIndex: 0 });
  });
});

// What a client sees, byte by byte.

import { RuntimeError } from '@waldb/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RespServer, type ServerLimits } from '../src/index.js';
import { LocalReplica } from './local-replica.js';
import { RawClient, request } from './raw-client.js';

let replica: LocalReplica;
let server: RespServer;
const clients: RawClient[] = [];

async function start(limits: Partial<ServerLimits> = {}): Promise<void> {
  replica = new LocalReplica();
  server = await RespServer.start({
    listen: { host: '127.0.0.1', port: 0 },
    replica,
    stateMachine: replica.stateMachine,
    limits,
  });
}

async function connect(): Promise<RawClient> {
  const client = await RawClient.connect(server.port);
  clients.push(client);
  return client;
}

async function restart(limits: Partial<ServerLimits>): Promise<void> {
  await server.close();
  await start(limits);
}

beforeEach(() => start());
afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await server.close();
});

describe('commands', () => {
  it.each<[string[], string]>([
    [['PING'], '+PONG\r\n'],
    [['pInG', 'hi'], '$2\r\nhi\r\n'],
    [['PING', 'a', 'b'], "-ERR wrong number of arguments for 'ping' command\r\n"],
    [['ECHO', '\r\n\xff'], '$3\r\n\r\n\xff\r\n'],
    [['SELECT', '0'], '+OK\r\n'],
    [['SELECT', '1'], '-ERR SELECT is not allowed in cluster mode\r\n'],
    [['SELECT', 'x'], '-ERR value is not an integer or out of range\r\n'],
    [['GET'], "-ERR wrong number of arguments for 'get' command\r\n"],
    [['GET', 'a', 'b'], "-ERR wrong number of arguments for 'get' command\r\n"],
    [['SET', 'a', 'b', 'EX', '10', 'KEEPTTL'], '-ERR syntax error\r\n'],
    [['SET', 'a', 'b', 'NX', 'XX'], '-ERR syntax error\r\n'],
    [['SET', 'a', 'b', 'nx', 'get'], '$-1\r\n'],
    [['INCRBY', 'a', 'x'], '-ERR value is not an integer or out of range\r\n'],
    [['INCRBY', 'a', '9223372036854775808'], '-ERR value is not an integer or out of range\r\n'],
    [['DECRBY', 'a', '-9223372036854775808'], '-ERR decrement would overflow\r\n'],
    [['DECRBY', 'a', '-9223372036854775807'], ':9223372036854775807\r\n'],
    [['FLY', 'me', 'to'], "-ERR unknown command 'FLY', with args beginning with: 'me' 'to' \r\n"],
    [['client', 'fly'], "-ERR unknown subcommand 'fly'. Try CLIENT HELP.\r\n"],
    [['CLIENT', 'SETNAME'], "-ERR wrong number of arguments for 'client|setname' command\r\n"],
    [
      ['CLIENT', 'SETNAME', 'a b'],
      '-ERR Client names cannot contain spaces, newlines or special characters.\r\n',
    ],
    [['CLIENT', 'SETINFO', 'lib-name', 'x'], '+OK\r\n'],
    [['CLIENT', 'GETNAME'], '$-1\r\n'],
    [['CLUSTER', 'KEYSLOT', '123456789'], ':12739\r\n'],
    [['CLUSTER', 'KEYSLOT', '{user}.a'], ':5474\r\n'],
    [['CLUSTER', 'KEYSLOT', 'a{}b'], ':13694\r\n'],
    [['CLUSTER', 'MYID'], `$40\r\n${'0'.repeat(39)}1\r\n`],
    [['CONFIG', 'GET', 'save'], '*2\r\n$4\r\nsave\r\n$0\r\n\r\n'],
    [['CONFIG', 'GET', 'append*y'], '*2\r\n$10\r\nappendonly\r\n$3\r\nyes\r\n'],
    [['COMMAND', 'INFO', 'nothing'], '*1\r\n$-1\r\n'],
    [['COMMAND', 'GETKEYS', 'DEL', 'a', 'b'], '*2\r\n$1\r\na\r\n$1\r\nb\r\n'],
    [
      ['AUTH', 'x'],
      '-ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?\r\n',
    ],
    [['READONLY'], '+OK\r\n'],
    [['RESET'], '+RESET\r\n'],
    [['HELLO', '4'], '-NOPROTO unsupported protocol version\r\n'],
    [['HELLO', 'x'], '-ERR Protocol version is not an integer or out of range\r\n'],
    [['HELLO', '3', 'SETNAME'], "-ERR Syntax error in HELLO option 'SETNAME'\r\n"],
  ])('%j', async (args, reply) => {
    const client = await connect();
    expect(await client.ask(...args)).toBe(reply);
  });

  it('SET, GET, DEL, EXISTS, INCR, DBSIZE', async () => {
    const client = await connect();
    expect(await client.ask('SET', 'a', 'x\0\xff')).toBe('+OK\r\n');
    expect(await client.ask('GET', 'a')).toBe('$3\r\nx\0\xff\r\n');
    expect(await client.ask('SET', 'a', 'y', 'NX')).toBe('$-1\r\n');
    expect(await client.ask('SET', 'a', 'y', 'XX', 'GET')).toBe('$3\r\nx\0\xff\r\n');
    expect(await client.ask('INCR', 'n')).toBe(':1\r\n');
    expect(await client.ask('INCRBY', 'n', '41')).toBe(':42\r\n');
    expect(await client.ask('DECR', 'n')).toBe(':41\r\n');
    expect(await client.ask('INCR', 'a')).toBe('-ERR value is not an integer or out of range\r\n');
    expect(await client.ask('EXISTS', 'a', 'n', 'none')).toBe(':2\r\n');
    expect(await client.ask('DBSIZE')).toBe(':2\r\n');
    expect(await client.ask('DEL', 'a', 'n')).toBe(':2\r\n');
    expect(await client.ask('GET', 'a')).toBe('$-1\r\n');
  });

  it('inline requests', async () => {
    const client = await connect();
    client.send('PING\r\nset a "b c"\r\n\r\nget a\n');
    await client.expect('+PONG\r\n+OK\r\n$3\r\nb c\r\n');
  });

  it('HELLO 3 answers in RESP3 and so does everything after it; what was asked before answers in RESP2', async () => {
    const client = await connect();
    client.send(`${request('GET', 'a')}${request('HELLO', '3', 'SETNAME', 'me')}${request('GET', 'a')}`);
    const greeting =
      '%7\r\n$6\r\nserver\r\n$5\r\nwaldb\r\n$7\r\nversion\r\n$5\r\n0.1.0\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n' +
      '$4\r\nmode\r\n$7\r\ncluster\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n';
    await client.expect(`$-1\r\n${greeting}_\r\n`);
    expect(await client.ask('CLIENT', 'GETNAME')).toBe('$2\r\nme\r\n');
  });

  it('CLIENT LIST and INFO tell what is', async () => {
    const client = await connect();
    const other = await connect();
    await other.ask('CLIENT', 'SETNAME', 'other');
    const list = await client.ask('CLIENT', 'LIST');
    expect(list).toContain('name=other ');
    expect(list).toContain('cmd=client|list ');
    expect(list.trim().split('\n')).toHaveLength(3);
    await client.ask('SET', 'a', 'b');
    const info = await client.ask('INFO');
    for (const line of [
      'role:master',
      'raft_term:7',
      'connected_clients:2',
      'loading:0',
      'db0:keys=1,expires=0,avg_ttl=0',
    ]) {
      expect(info).toContain(`\r\n${line}\r\n`);
    }
    expect(await client.ask('INFO', 'keyspace')).toMatch(/^\$\d+\r\n# Keyspace\r\ndb0:.*\r\n\r\n$/);
  });

  it('COMMAND describes every command that there is, and no other', async () => {
    const client = await connect();
    const count = Number((await client.ask('COMMAND', 'COUNT')).slice(1));
    expect(count).toBe(server.commands.size);
    expect(await client.ask('COMMAND', 'INFO', 'set')).toMatch(
      /^\*1\r\n\*10\r\n\$3\r\nset\r\n:-3\r\n\*1\r\n\+write\r\n:1\r\n:1\r\n:1\r\n/,
    );
    expect((await client.ask('COMMAND')).startsWith(`*${count}\r\n`)).toBe(true);
    expect(await client.ask('COMMAND', 'DOCS', 'get', 'fly')).toMatch(/^\*2\r\n\$3\r\nget\r\n\*6\r\n/);
  });
});

describe('clusters', () => {
  const follow = (leader: number | undefined): void => {
    replica.state = { ...replica.state, role: 'follower', leader };
  };

  it('CLUSTER SLOTS names the leader as owner of everything, and the others as its replicas', async () => {
    const client = await connect();
    const node = (id: number): string =>
      `*4\r\n$9\r\n127.0.0.1\r\n:710${id}\r\n$40\r\n${String(id).padStart(40, '0')}\r\n*0\r\n`;
    expect(await client.ask('CLUSTER', 'SLOTS')).toBe(
      `*1\r\n*5\r\n:0\r\n:16383\r\n${node(1)}${node(2)}${node(3)}`,
    );
    follow(3);
    expect(await client.ask('CLUSTER', 'SLOTS')).toBe(
      `*1\r\n*5\r\n:0\r\n:16383\r\n${node(3)}${node(1)}${node(2)}`,
    );
    expect(await client.ask('CLUSTER', 'NODES')).toContain(
      `${'0'.repeat(39)}1 127.0.0.1:7101@7101 myself,slave ${'0'.repeat(39)}3 0 0 7 connected\n`,
    );
    expect(await client.ask('CLUSTER', 'INFO')).toContain('cluster_state:ok');
    expect(await client.ask('CLUSTER', 'SHARDS')).toContain('$4\r\nrole\r\n$6\r\nmaster\r\n');
  });

  it('I3.2 a follower sends keyed commands to the leader', async () => {
    follow(2);
    const client = await connect();
    expect(await client.ask('SET', 'foo', '1')).toBe('-MOVED 12182 127.0.0.1:7102\r\n');
    expect(await client.ask('GET', 'foo')).toBe('-MOVED 12182 127.0.0.1:7102\r\n');
    expect(await client.ask('GET', '\xe9')).toBe('-MOVED 11271 127.0.0.1:7102\r\n');
    expect(await client.ask('INFO', 'replication')).toContain(
      'role:slave\r\nmaster_host:127.0.0.1\r\nmaster_port:7102',
    );
    expect(replica.proposals + replica.reads).toBe(0);
  });

  it('I3.1 a follower reads its own state once the client has said READONLY', async () => {
    const client = await connect();
    await client.ask('SET', 'foo', '1');
    follow(2);
    await client.ask('READONLY');
    expect(await client.ask('GET', 'foo')).toBe('$1\r\n1\r\n');
    expect(await client.ask('SET', 'foo', '2')).toBe('-MOVED 12182 127.0.0.1:7102\r\n');
    await client.ask('READWRITE');
    expect(await client.ask('GET', 'foo')).toBe('-MOVED 12182 127.0.0.1:7102\r\n');
  });

  it('without a leader the cluster is down', async () => {
    follow(undefined);
    const client = await connect();
    expect(await client.ask('SET', 'foo', '1')).toMatch(/^-CLUSTERDOWN /);
    expect(await client.ask('CLUSTER', 'SLOTS')).toMatch(/^-CLUSTERDOWN /);
    expect(await client.ask('CLUSTER', 'INFO')).toContain('cluster_state:fail');
  });

  it.each<[RuntimeError, RegExp, RegExp]>([
    [
      new RuntimeError('LEADERSHIP_LOST', 'x.', { mayHaveBeenApplied: true }),
      /^-UNCERTAIN /,
      /^-MOVED 12182 127.0.0.1:7103/,
    ],
    [
      new RuntimeError('LEADERSHIP_LOST', 'x.'),
      /^-MOVED 12182 127.0.0.1:7103/,
      /^-MOVED 12182 127.0.0.1:7103/,
    ],
    [new RuntimeError('NOT_LEADER', 'x.'), /^-MOVED 12182 127.0.0.1:7103/, /^-MOVED 12182 127.0.0.1:7103/],
    [new RuntimeError('BUSY', 'x.'), /^-BUSY nothing was done/, /^-BUSY nothing was done/],
    [new RuntimeError('STORAGE_FULL', 'x.'), /^-MISCONF nothing was done/, /^-MISCONF nothing was done/],
    [new RuntimeError('TIMEOUT', 'x.', { mayHaveBeenApplied: true }), /^-UNCERTAIN /, /^-CLUSTERDOWN /],
    [new RuntimeError('CLOSED', 'x.'), /^-CLUSTERDOWN /, /^-CLUSTERDOWN /],
  ])('%s: repeated by clients only when nothing was done', async (failure, write, read) => {
    const client = await connect();
    replica.failure = failure;
    replica.state = { ...replica.state, leader: 3 };
    expect(await client.ask('SET', 'foo', '1')).toMatch(write);
    expect(await client.ask('GET', 'foo')).toMatch(read);
  });
});

describe('order', () => {
  it('a connection sees its own writes, and no later ones, in one pipeline', async () => {
    const client = await connect();
    let sent = '';
    let expected = '';
    for (let nth = 0; nth < 200; nth++) {
      sent +=
        request('GET', 'k') + request('SET', 'k', String(nth)) + request('GET', 'k') + request('INCR', 'n');
      const before = nth === 0 ? '$-1\r\n' : `$${String(nth - 1).length}\r\n${nth - 1}\r\n`;
      expected += `${before}+OK\r\n$${String(nth).length}\r\n${nth}\r\n:${nth + 1}\r\n`;
    }
    client.send(sent);
    await client.expect(expected);
  });

  it('a read does not overtake writes that were sent before it, in another turn', async () => {
    const client = await connect();
    replica.hold();
    client.send(request('SET', 'k', 'new'));
    await until(() => replica.proposals === 1);
    client.send(request('GET', 'k'));
    await until(() => replica.proposals === 2);
    expect(replica.reads).toBe(0);
    replica.release();
    await client.expect('+OK\r\n$3\r\nnew\r\n');
    // With nothing of its own under way the connection reads without the log again.
    expect(await client.ask('GET', 'k')).toBe('$3\r\nnew\r\n');
    expect([replica.proposals, replica.reads]).toEqual([2, 1]);
  });

  it('a write does not overtake reads that were sent before it', async () => {
    const client = await connect();
    await client.ask('SET', 'k', 'old');
    replica.hold();
    client.send(request('GET', 'k'));
    await until(() => replica.reads === 1);
    const { proposals } = replica;
    client.send(request('SET', 'k', 'new') + request('GET', 'k'));
    // A second client's request shows that the server has had its turns.
    await (await connect()).ask('PING');
    expect(replica.proposals).toBe(proposals);
    replica.release();
    await client.expect('$3\r\nold\r\n+OK\r\n$3\r\nnew\r\n');
  });

  it('reads that arrive together share one round, writes one entry', async () => {
    const client = await connect();
    client.send(request('GET', 'k').repeat(100));
    await client.expect('$-1\r\n'.repeat(100));
    expect(replica.reads).toBe(1);
    client.send(request('INCR', 'k').repeat(100));
    await client.take(100 * 4);
    expect(replica.proposals).toBe(1);
  });

  it('answers to local commands wait for the answers before them', async () => {
    const client = await connect();
    replica.hold();
    client.send(request('SET', 'k', '1') + request('PING'));
    await until(() => replica.proposals === 1);
    await (await connect()).ask('PING');
    expect(client.received).toBe('');
    replica.release();
    await client.expect('+OK\r\n+PONG\r\n');
  });
});

describe('closing', () => {
  it('QUIT answers everything before it, and nothing behind it', async () => {
    const client = await connect();
    client.send(`${request('SET', 'a', '1')}${request('QUIT')}${request('SET', 'a', '2')}`);
    await client.closed();
    expect(client.received).toBe('+OK\r\n+OK\r\n');
    expect(await (await connect()).ask('GET', 'a')).toBe('$1\r\n1\r\n');
  });

  it('malformed input is answered, and the connection closed; the others live on', async () => {
    const other = await connect();
    const client = await connect();
    client.send(`${request('SET', 'a', '1')}*1\r\n?`);
    await client.closed();
    expect(client.received).toBe("+OK\r\n-ERR Protocol error: expected '$', got '?'\r\n");
    expect(await other.ask('PING')).toBe('+PONG\r\n');
  });

  it('a client that has sent everything and closed its side is still answered', async () => {
    const client = await connect();
    client.socket.end(request('SET', 'a', '1') + request('GET', 'a'));
    await client.closed();
    expect(client.received).toBe('+OK\r\n$1\r\n1\r\n');
  });

  it('a client that breaks off leaves nothing behind', async () => {
    const other = await connect();
    replica.hold();
    const client = await connect();
    client.send(request('SET', 'a', '1'));
    await until(() => replica.proposals === 1);
    client.socket.resetAndDestroy();
    await until(() => server.statistics().connections === 1);
    replica.release();
    expect(await other.ask('GET', 'a')).toBe('$1\r\n1\r\n');
  });

  it('one connection too many is told so', async () => {
    await restart({ connectionsMax: 1 });
    const first = await connect();
    const second = await connect();
    await second.closed();
    expect(second.received).toBe('-ERR max number of clients reached\r\n');
    expect(await first.ask('PING')).toBe('+PONG\r\n');
    first.destroy();
    await until(() => server.statistics().connections === 0);
    expect(await (await connect()).ask('PING')).toBe('+PONG\r\n');
  });

  it('a port in use is an error with the address in it', async () => {
    const listen = { host: '127.0.0.1', port: server.port };
    const second = RespServer.start({ listen, replica, stateMachine: replica.stateMachine });
    await expect(second).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: `Cannot listen for clients on 127.0.0.1:${server.port}: another process listens there.`,
    });
  });
});

describe('bounds', () => {
  it('a client that does not read its replies is not read any more, and loses nothing', async () => {
    await restart({ outputBytesMax: 64 * 1024, pipelineRequestsMax: 64 });
    const client = await connect();
    const value = 'v'.repeat(10_000);
    await client.ask('SET', 'big', value);
    client.socket.pause();
    const requests = 20_000;
    for (let nth = 0; nth < requests; nth++) client.send(request('GET', 'big'));
    let processed = -1;
    await until(() => {
      const now = server.statistics().commandsProcessed;
      const isStill = now === processed;
      processed = now;
      return isStill && now > 64;
    }, 100);
    expect(processed).toBeLessThan(requests / 2);
    const [held] = [...server.clients()].map((one) => one.outputBytes);
    expect(held).toBeLessThan(64 * 1024 + 2 * 256 * 1024);
    client.socket.resume();
    const reply = `$10000\r\n${value}\r\n`;
    for (let nth = 0; nth < requests; nth++)
      if ((await client.take(reply.length)) !== reply) throw new Error(`reply ${nth}`);
  });

  it('writes wait when too many bytes are proposed, and all are carried out', async () => {
    await restart({ proposedBytesMax: 1000, entryBytesMax: 500 });
    replica.hold();
    const many = await Promise.all(Array.from({ length: 20 }, connect));
    for (const [nth, client] of many.entries()) client.send(request('SET', `k${nth}`, 'x'.repeat(400)));
    await until(() => replica.proposals > 0);
    await many[0]?.take(0);
    expect(server.statistics().proposedBytes).toBeLessThan(20 * 400);
    replica.release();
    await Promise.all(many.map((client) => client.expect('+OK\r\n')));
    expect(replica.stateMachine.size).toBe(20);
    expect(server.statistics().proposedBytes).toBe(0);
  });

  it.each([0, -1, 1.5, Number.NaN])('a limit of %s is refused', async (connectionsMax) => {
    const options = { listen: { host: '127.0.0.1', port: 0 }, replica, stateMachine: replica.stateMachine };
    await expect(RespServer.start({ ...options, limits: { connectionsMax } })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
  });
});

/** Waits for a condition, looking again every few milliseconds; the test's own time limit ends a wait in vain. */
async function until(condition: () => boolean, everyMs = 5): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, everyMs));
}

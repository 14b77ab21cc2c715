// Subscribers, users, TLS, CLIENT REPLY and the bounds of transactions, byte by byte.

import { connect as connectTls } from 'node:tls';
import { createAuthority, issueCertificate } from '@waldb/certs';
import { afterEach, describe, expect, it } from 'vitest';
import { hashPassword, RespServer, type RespServerOptions, type UserOptions } from '../src/index.js';
import { LocalReplica } from './local-replica.js';
import { RawClient, request } from './raw-client.js';

let replica: LocalReplica;
let server: RespServer;
const clients: RawClient[] = [];

async function start(options: Partial<RespServerOptions> = {}): Promise<void> {
  replica = new LocalReplica();
  const listen = { host: '127.0.0.1', port: 0 };
  server = await RespServer.start({ listen, replica, stateMachine: replica.stateMachine, ...options });
}

async function connect(): Promise<RawClient> {
  const client = await RawClient.connect(server.port);
  clients.push(client);
  return client;
}

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy();
  await server.close();
});

describe('subscribers', () => {
  it('RESP2: only what cannot be mistaken for a message may be sent; RESET ends it', async () => {
    await start();
    const client = await connect();
    client.send(request('SUBSCRIBE', 'a', 'b'));
    await client.expect(
      '*3\r\n$9\r\nsubscribe\r\n$1\r\na\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nb\r\n:2\r\n',
    );
    client.send(request('PING', 'x'));
    await client.expect('*2\r\n$4\r\npong\r\n$1\r\nx\r\n');
    client.send(request('GET', 'a'));
    await client.expect(
      "-ERR Can't execute 'get': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this context\r\n",
    );
    expect(await (await connect()).ask('PUBLISH', 'a', 'hello')).toBe(':1\r\n');
    await client.expect('*3\r\n$7\r\nmessage\r\n$1\r\na\r\n$5\r\nhello\r\n');
    client.send(request('UNSUBSCRIBE', 'a'));
    await client.expect('*3\r\n$11\r\nunsubscribe\r\n$1\r\na\r\n:1\r\n');
    client.send(request('RESET') + request('GET', 'a') + request('UNSUBSCRIBE'));
    await client.expect('+RESET\r\n$-1\r\n*3\r\n$11\r\nunsubscribe\r\n$-1\r\n:0\r\n');
  });

  it('RESP3: messages are pushes, and anything may be asked beside them', async () => {
    await start();
    const client = await connect();
    await client.ask('HELLO', '3');
    expect(await client.ask('PSUBSCRIBE', '__key*:k')).toBe(
      '>3\r\n$10\r\npsubscribe\r\n$8\r\n__key*:k\r\n:1\r\n',
    );
    client.send(request('SET', 'k', '1'));
    const push = '>4\r\n$8\r\npmessage\r\n$8\r\n__key*:k\r\n$16\r\n__keyspace@0__:k\r\n$3\r\nset\r\n';
    const received = await client.take(push.length + '+OK\r\n'.length);
    expect([`${push}+OK\r\n`, `+OK\r\n${push}`]).toContain(received);
  });

  it('one that takes nothing is closed, the others hear everything', async () => {
    await start({
      limits: { pushBytesMax: 64 * 1024, pipelineBytesMax: 64 * 1024, outputBytesMax: 64 * 1024 },
    });
    const [lazy, eager, speaker] = [await connect(), await connect(), await connect()];
    await lazy.ask('HELLO', '3');
    await eager.ask('HELLO', '3');
    await lazy.ask('SUBSCRIBE', 'a');
    await eager.ask('SUBSCRIBE', 'a');
    lazy.socket.pause();
    const message = 'x'.repeat(10_000);
    let spoken = 0;
    while (server.statistics().connections === 3) {
      await speaker.ask('PUBLISH', 'a', message);
      spoken += 1;
    }
    await eager.ask('PING');
    expect(spoken).toBeGreaterThan(12);
    expect(server.subscriptions.subscriberCount('a')).toBe(1);
    // Operators see that it was cut, and why.
    expect(await speaker.ask('INFO', 'stats')).toContain('client_output_buffer_limit_disconnections:1\r\n');
  });
});

describe('users', () => {
  const users = async (): Promise<UserOptions[]> => [
    { name: 'default', rules: 'on +@all ~* &*', passwordHashes: [await hashPassword('secret')] },
    {
      name: 'reader',
      rules: 'on +@read +@connection +publish +subscribe +psubscribe +acl ~r:* &r:*',
      passwordHashes: [await hashPassword('p\xe4ss')],
    },
    { name: 'gone', rules: 'off +@all ~*', passwordHashes: [await hashPassword('x')] },
  ];
  const WRONG = '-WRONGPASS invalid username-password pair or user is disabled.\r\n';

  it('nothing is answered before AUTH, and what follows it in a pipeline waits for it', async () => {
    await start({ users: await users() });
    const client = await connect();
    client.send(request('GET', 'a') + request('NOTHING') + request('AUTH', 'wrong') + request('GET', 'a'));
    const no = '-NOAUTH Authentication required.\r\n';
    await client.expect(no + no + WRONG + no);
    client.send(request('AUTH', 'secret') + request('SET', 'a', '1') + request('ACL', 'WHOAMI'));
    await client.expect('+OK\r\n+OK\r\n$7\r\ndefault\r\n');
    const other = await connect();
    other.send(request('HELLO', '2'));
    expect(await other.take(100)).toMatch(/^-NOAUTH HELLO must be called/);
    other.send(request('HELLO', '3', 'AUTH', 'default', 'secret'));
    await other.take(1);
    expect(await other.ask('ACL', 'WHOAMI')).toContain('$7\r\ndefault\r\n');
    // A pipeline that ends with the client's side closed is answered too.
    const last = await connect();
    last.socket.end(request('AUTH', 'gone', 'x') + request('AUTH', 'secret') + request('GET', 'a'));
    await last.closed();
    expect(last.received).toBe(`${WRONG}+OK\r\n$1\r\n1\r\n`);
  });

  it('a user may do what its rules say: commands, keys, channels', async () => {
    await start({ users: await users() });
    const client = await connect();
    const password = Buffer.from('p\xe4ss').toString('latin1');
    client.send(request('AUTH', 'reader', password));
    await client.expect('+OK\r\n');
    client.send(request('GET', 'r:a') + request('MGET', 'r:a', 'x') + request('SET', 'r:a', '1'));
    const noKey = '-NOPERM this user has no permissions to access one of the keys used as arguments\r\n';
    const noChannel =
      '-NOPERM this user has no permissions to access one of the channels used as arguments\r\n';
    await client.expect(`$-1\r\n${noKey}-NOPERM this user has no permissions to run the 'set' command\r\n`);
    client.send(
      request('PUBLISH', 'r:a', '1') + request('PUBLISH', 'x', '1') + request('PSUBSCRIBE', 'r:[^a]'),
    );
    await client.expect(`:0\r\n${noChannel}${noChannel}`);
    client.send(request('PSUBSCRIBE', 'r:*'));
    await client.expect('*3\r\n$10\r\npsubscribe\r\n$3\r\nr:*\r\n:1\r\n');
    const admin = await connect();
    admin.send(request('AUTH', 'secret') + request('ACL', 'GETUSER', 'reader'));
    await admin.take('+OK\r\n'.length);
    expect(await admin.ask('ACL', 'LIST')).not.toContain('scrypt');
  });

  it('rules name subcommands, and the last one that fits decides', async () => {
    const password = { passwordHashes: [await hashPassword('x')] };
    await start({
      users: [
        { name: 'one', rules: 'on +@connection +config|get ~* -client|kill', ...password },
        { name: 'safe', rules: 'on +@all ~* -@dangerous', ...password },
        { name: 'late', rules: 'on +client|kill -client +client|id', ...password },
      ],
    });
    const may = async (name: string, ...words: string[]): Promise<boolean> => {
      const client = await connect();
      client.send(request('AUTH', name, 'x'));
      await client.expect('+OK\r\n');
      client.send(request(...words));
      const reply = await client.take(4); // as long as the shortest
      return reply !== '-NOP';
    };
    expect(await may('one', 'CONFIG', 'GET', 'save')).toBe(true);
    expect(await may('one', 'CONFIG', 'SET', 'save', '')).toBe(false);
    expect(await may('one', 'CLIENT', 'LIST')).toBe(true);
    expect(await may('one', 'CLIENT', 'KILL', '1.2.3.4:5')).toBe(false);
    // What client libraries send when they connect stays allowed.
    for (const words of [
      ['CLIENT', 'SETNAME', 'x'],
      ['CLIENT', 'SETINFO', 'lib-name', 'x'],
      ['CLUSTER', 'SLOTS'],
      ['COMMAND'],
    ]) {
      expect(await may('safe', ...words)).toBe(true);
    }
    for (const words of [
      ['CLIENT', 'LIST'],
      ['KEYS', '*'],
      ['FLUSHALL'],
      ['CONFIG', 'GET', '*'],
      ['ACL', 'LIST'],
      ['INFO'],
    ]) {
      expect(await may('safe', ...words)).toBe(false);
    }
    expect(await may('late', 'CLIENT', 'KILL', '1.2.3.4:5')).toBe(false);
    expect(await may('late', 'CLIENT', 'ID')).toBe(true);
    const client = await connect();
    client.send(request('AUTH', 'safe', 'x') + request('CONFIG', 'GET', 'save'));
    await client.expect("+OK\r\n-NOPERM this user has no permissions to run the 'config|get' command\r\n");
  });

  it.each<[string, string]>([
    ['a rule that is not known', 'on +@nothing'],
    ['a command that is not known', 'on +fly'],
    ['a subcommand that is not known', 'on +client|fly'],
    ['a user who is on without a password', 'on +@all'],
  ])('%s is refused at the start', async (_, rules) => {
    await start();
    const options = { listen: { host: '127.0.0.1', port: 0 }, replica, stateMachine: replica.stateMachine };
    await expect(RespServer.start({ ...options, users: [{ name: 'u', rules }] })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
  });
});

describe('CLIENT REPLY', () => {
  it('SKIP, OFF and ON', async () => {
    await start();
    const client = await connect();
    client.send(
      request('CLIENT', 'REPLY', 'SKIP') +
        request('SET', 'a', '1') +
        request('GET', 'a') +
        request('CLIENT', 'REPLY', 'OFF') +
        request('GET', 'a') +
        request('PING') +
        request('CLIENT', 'REPLY', 'ON') +
        request('GET', 'a'),
    );
    await client.expect('$1\r\n1\r\n+OK\r\n$1\r\n1\r\n');
  });
});

describe('transactions', () => {
  it('one too large is refused where it becomes so, and EXEC then', async () => {
    await start({ limits: { transactionCommandsMax: 2 } });
    const client = await connect();
    client.send(
      request('MULTI') + request('SET', 'a', '1').repeat(3) + request('EXEC') + request('GET', 'a'),
    );
    await client.expect(
      '+OK\r\n+QUEUED\r\n+QUEUED\r\n-ERR the transaction is too large\r\n-EXECABORT Transaction discarded because of previous errors.\r\n$-1\r\n',
    );
  });

  it('a follower sends what is to be written to the leader, and reads what it may read itself', async () => {
    await start();
    const client = await connect();
    await client.ask('SET', 'foo', '1');
    replica.state = { ...replica.state, role: 'follower', leader: 2 };
    client.send(request('WATCH', 'foo') + request('MULTI') + request('SET', 'foo', '1') + request('EXEC'));
    const moved = '-MOVED 12182 127.0.0.1:7102\r\n';
    await client.expect(
      `${moved}+OK\r\n${moved}-EXECABORT Transaction discarded because of previous errors.\r\n`,
    );
    client.send(request('READONLY') + request('MULTI') + request('GET', 'foo') + request('EXEC'));
    await client.expect('+OK\r\n+OK\r\n+QUEUED\r\n*1\r\n$1\r\n1\r\n');
  });

  it('a client that goes leaves no watch behind', async () => {
    await start();
    const client = await connect();
    await client.ask('WATCH', 'a');
    const { proposals } = replica;
    client.socket.resetAndDestroy();
    while (replica.proposals === proposals) await new Promise((resolve) => setTimeout(resolve, 5));
  });
});

describe('TLS', () => {
  it('serves clients by TLS, and with an authority only those that it has signed', async () => {
    const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 3_600_000) };
    const authority = await createAuthority({ ...validity, commonName: 'authority' });
    const own = await issueCertificate({ ...validity, commonName: 'server', uris: [] }, authority);
    const theirs = await issueCertificate({ ...validity, commonName: 'client', uris: [] }, authority);
    await start({ tls: { cert: own.cert, key: own.key, ca: authority.cert } });
    const ask = async (options: object): Promise<string> => {
      const socket = connectTls({
        host: '127.0.0.1',
        port: server.port,
        ca: authority.cert,
        checkServerIdentity: () => undefined,
        ...options,
      });
      socket.on('error', () => undefined);
      let received = '';
      socket.on('data', (bytes: Buffer) => {
        received += bytes.toString('latin1');
      });
      socket.on('secureConnect', () => socket.end(request('SET', 'a', '1') + request('GET', 'a')));
      await new Promise((resolve) => socket.on('close', resolve));
      return received;
    };
    expect(await ask({ cert: theirs.cert, key: theirs.key })).toBe('+OK\r\n$1\r\n1\r\n');
    expect(await ask({})).toBe('');
    expect(() => server.replaceCertificate({ cert: 'no', key: 'no' })).toThrow('cannot be used');
    server.replaceCertificate({ cert: theirs.cert, key: theirs.key, ca: authority.cert });
  });
});

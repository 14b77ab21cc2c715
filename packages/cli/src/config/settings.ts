// The table of all settings, in the order in which people meet them.

import { InvalidArgumentError } from 'commander';
import { ADMIN_PORT_OFFSET, DEFAULT_PORT, PEER_PORT_OFFSET } from '../cluster-layout.js';
import { LOG_LEVELS } from '../log-levels.js';
import { parseAddress, parseHost, parseId, parseNodes, parsePeers, parsePort } from '../option-values.js';
import type { Configured, Setting } from './setting.js';

const PORT = { fallback: String(DEFAULT_PORT) };
const NO_TLS = { otherwise: 'no TLS' };
const NO_CERTIFICATE = { otherwise: 'clients need none' };
const SYSTEM_TRUST = { otherwise: 'the authorities that Node trusts' };
const MANY_CLIENTS = { fallback: '10000' };
const NO_TIMEOUT = { fallback: '0' };
const ANYBODY = { otherwise: 'anybody may do anything' };

export const SETTINGS: readonly Setting[] = [
  {
    key: 'id',
    argument: '<id>',
    of: { serve: { fallback: '1' } },
    summary: "this server's number, unique in the cluster",
    explanation:
      'A whole number from 1. It belongs to the directory from its first start on, and is never given to another server of the cluster.',
    example: '2',
    parse: parseId,
  },
  {
    key: 'nodes',
    argument: '<count>',
    of: { cluster: { fallback: '3' } },
    summary: 'how many servers',
    explanation:
      'From 1 to 9; odd numbers are best. The directory keeps to the number that it was founded with.',
    example: '5',
    parse: parseNodes,
  },
  {
    key: 'directory',
    argument: '<path>',
    of: { serve: { otherwise: 'required' }, cluster: { fallback: './data' } },
    summary: 'where data is kept; made if it is not there',
    explanation:
      'One server at a time, and nobody else may write there. An empty one founds a cluster or joins one; `waldb cluster` makes `node-1`, `node-2` ... in it.',
    example: '/var/lib/waldb',
    parse: parsePath,
  },
  {
    key: 'host',
    argument: '<host>',
    of: { serve: { fallback: '127.0.0.1' }, cluster: { fallback: '127.0.0.1' } },
    summary: 'address of this machine to listen on for clients',
    explanation:
      'A name or an IP address, without a port. Before it is open to other machines, say who may use it: `users-file`, and `client-tls-cert` that passwords are not read on the way.',
    example: '10.0.0.1',
    parse: parseHost,
  },
  {
    key: 'port',
    argument: '<port>',
    of: { serve: PORT, cluster: PORT },
    summary: 'port for clients (waldb cluster: of the first server; the others follow)',
    explanation: 'What Redis clients connect to.',
    example: '6379',
    parse: parsePort,
  },
  {
    key: 'peer-port',
    argument: '<port>',
    of: { cluster: { otherwise: `port plus ${PEER_PORT_OFFSET}` } },
    summary: 'port for peers of the first server; the others follow',
    explanation: 'Where the servers speak to each other.',
    example: '7201',
    parse: parsePort,
  },
  {
    key: 'admin-port',
    argument: '<port>',
    of: { cluster: { otherwise: `port plus ${ADMIN_PORT_OFFSET}` } },
    summary: 'port for operators of the first server, on 127.0.0.1; the others follow',
    explanation:
      'What `waldb status`, `members` and `snapshot save` ask, and where the dashboard is. Only this machine can reach it: who may change the cluster there is up to `admin-token-file`.',
    example: '7301',
    parse: parsePort,
  },
  {
    key: 'max-clients',
    argument: '<count>',
    of: { serve: MANY_CLIENTS, cluster: MANY_CLIENTS },
    summary: 'how many clients may be connected to a server at a time; one more is told so',
    explanation:
      'Each is an open file: where the system allows fewer (`ulimit -n`), it is as many as that leaves, and the log says so. What a connection takes is in docs/operations.md.',
    example: '500',
    parse: parsePositive,
  },
  {
    key: 'client-idle-timeout',
    argument: '<seconds>',
    of: { serve: NO_TIMEOUT, cluster: NO_TIMEOUT },
    summary: 'close the connection of a client that has said nothing for so long; 0: never',
    explanation:
      'Subscribers may be silent. Clients that are gone are found without it: by TCP keepalive after five minutes, and where they take nothing of what is written for them, after as long. It is what Redis calls `timeout`.',
    example: '3600',
    parse: parseSeconds,
  },
  {
    key: 'users-file',
    argument: '<file>',
    of: { serve: ANYBODY, cluster: ANYBODY },
    summary: 'who may connect and do what; see waldb users',
    explanation:
      "YAML: names of users, each with `rules` in the words of Redis's ACL and a list of `passwords`, hashed by `waldb users hash`. The same on every server; read at the start.",
    example: '/etc/waldb/users.yaml',
    parse: parsePath,
  },
  {
    key: 'client-tls-cert',
    argument: '<file>',
    of: { serve: NO_TLS, cluster: NO_TLS },
    summary: 'clients speak TLS, and are shown this certificate',
    explanation:
      'In PEM, with those between it and its authority. It has to name what clients connect to: `client-address`. Read again when it changes.',
    example: '/etc/waldb/store.crt',
    parse: parsePath,
  },
  {
    key: 'client-tls-key',
    argument: '<file>',
    of: { serve: NO_TLS, cluster: NO_TLS },
    summary: 'its key',
    explanation:
      'In PEM, not encrypted, readable by the user of the server only. Read again when it changes.',
    example: '/etc/waldb/store.key',
    parse: parsePath,
  },
  {
    key: 'client-tls-ca',
    argument: '<file>',
    of: { serve: NO_CERTIFICATE, cluster: NO_CERTIFICATE },
    summary: 'clients must show a certificate of this authority',
    explanation: 'In PEM; together with `client-tls-cert`. Read again when it changes.',
    example: '/etc/waldb/clients-ca.crt',
    parse: parsePath,
  },
  {
    key: 'peers',
    argument: '<list>',
    of: { serve: { otherwise: 'this server alone, or as the directory has it' } },
    summary: 'all servers, this one too: id=host:port[/clientHost:clientPort],...',
    explanation:
      'Founds a cluster of several servers: the same list on each of them. Later starts may leave it out; if it is there, it must be the same. In a file it may be a mapping of ids to addresses.',
    example: '1=10.0.0.1:7201/10.0.0.1:7101,2=10.0.0.2:7201/10.0.0.2:7101,3=10.0.0.3:7201/10.0.0.3:7101',
    parse: parsePeers,
  },
  {
    key: 'peer-listen',
    argument: '<address>',
    of: { serve: { otherwise: 'where the other servers dial' } },
    summary: 'host:port to listen on for peers, if not where they dial',
    explanation: 'For servers behind address translation, and for a server that moves.',
    example: '0.0.0.0:7201',
    parse: parseAddress,
  },
  {
    key: 'client-address',
    argument: '<address>',
    of: { serve: { otherwise: 'host and port' } },
    summary: 'host:port that clients are sent to',
    explanation:
      'What stands in `MOVED` and `CLUSTER SLOTS`: it has to be reachable for the clients. Say it where `host` is 0.0.0.0 or an address behind translation.',
    example: 'store-1.example.org:7101',
    parse: parseAddress,
  },
  {
    key: 'join',
    argument: '<address>',
    of: { serve: {} },
    summary: 'admin host:port of any member: with an empty directory, join its cluster',
    explanation:
      'The server then waits to be added: `waldb members add <id>`. Not together with `peers`. A directory that is a server already does not need it, and does not mind it.',
    example: '10.0.0.1:7301',
    parse: parseAddress,
  },
  {
    key: 'admin',
    argument: '<address>',
    of: { serve: {} },
    summary: 'host:port to listen on for operators; the dashboard is there',
    explanation:
      'The dashboard for a browser, health, status, metrics for Prometheus, members, backups. Whoever reaches it may look, and without `admin-token-file` change the cluster. Before it is open to other machines, have a token, and `admin-tls-cert` that nobody reads it on the way.',
    example: '127.0.0.1:7301',
    parse: parseAddress,
  },
  {
    key: 'admin-token-file',
    argument: '<file>',
    of: { serve: {}, cluster: {} },
    summary: 'whoever wants to change the cluster has to know what is in this file',
    explanation:
      'One line of 16 or more letters, digits and signs, readable by the user of the server only, the same on every server. With it, the dashboard can act for whoever gives it the token, and `waldb members` and `waldb snapshot save` need it, too; without it the dashboard only shows. Read each time, so that it can be changed at any time.',
    example: '/etc/waldb/admin-token',
    parse: parsePath,
  },
  {
    key: 'admin-tls-cert',
    argument: '<file>',
    of: { serve: NO_TLS, cluster: NO_TLS },
    summary: "operators' tools and browsers speak HTTPS, and are shown this certificate",
    explanation:
      'In PEM, with those between it and its authority. It has to name the host of `admin`, as `waldb certs create --hosts` makes it. With it, the admin ports of the other servers are asked by HTTPS, too: all servers of a cluster have it, or none. Read again when it changes.',
    example: '/etc/waldb/admin.crt',
    parse: parsePath,
  },
  {
    key: 'admin-tls-key',
    argument: '<file>',
    of: { serve: NO_TLS, cluster: NO_TLS },
    summary: 'its key',
    explanation:
      'In PEM, not encrypted, readable by the user of the server only. Read again when it changes.',
    example: '/etc/waldb/admin.key',
    parse: parsePath,
  },
  {
    key: 'admin-tls-ca',
    argument: '<file>',
    of: { serve: SYSTEM_TRUST, cluster: SYSTEM_TRUST },
    summary: "authority of the other servers' admin certificates",
    explanation:
      'In PEM. The servers ask each other for what the dashboard shows, hand on what a page wants to have done, and one that joins asks where everybody is. Alone, without `admin-tls-cert`, it is for a server that joins and has no admin port itself. Read again when it changes.',
    example: '/etc/waldb/admin-ca.crt',
    parse: parsePath,
  },
  {
    key: 'cluster-name',
    argument: '<name>',
    of: { serve: { fallback: 'waldb' }, cluster: { fallback: 'waldb' } },
    summary: 'keeps clusters with the same addresses apart',
    explanation:
      'Part of what the cluster is founded with: the same on every server, and on every start that names the peers.',
    example: 'orders',
    parse: parseName,
  },
  {
    key: 'tls-ca',
    argument: '<file>',
    of: { serve: NO_TLS },
    summary: 'authority of all servers: peers are spoken to by TLS',
    explanation: 'In PEM. With `tls-cert` and `tls-key`, or none of the three. Read again when it changes.',
    example: 'certs/ca.crt',
    parse: parsePath,
  },
  {
    key: 'tls-cert',
    argument: '<file>',
    of: { serve: NO_TLS },
    summary: "this server's certificate; see waldb certs",
    explanation: 'In PEM; it names this server (docs/security.md). Read again when it changes.',
    example: 'certs/node-1.crt',
    parse: parsePath,
  },
  {
    key: 'tls-key',
    argument: '<file>',
    of: { serve: NO_TLS },
    summary: 'its key; all three are read again when they change',
    explanation: 'In PEM, not encrypted, readable by the user of the server only.',
    example: 'certs/node-1.key',
    parse: parsePath,
  },
  {
    key: 'tls-directory',
    argument: '<path>',
    of: { cluster: NO_TLS },
    summary: 'the servers speak TLS, with certificates from here; see waldb certs',
    explanation: 'As `waldb certs create` makes it, with a certificate for each server.',
    example: './certs',
    parse: parsePath,
  },
  {
    key: 'snapshot-entries',
    argument: '<count>',
    of: { serve: { fallback: '100000' }, cluster: { fallback: '100000' } },
    summary: 'save the state after this many log entries, and give up the log before it; 0: never',
    explanation:
      'A small number makes starts quick and costs writes. Whatever it is, 64 MiB of log are enough for a snapshot, too.',
    example: '20000',
    parse: parseCount,
  },
  {
    key: 'protocol-trace',
    argument: '<file>',
    of: { serve: {} },
    summary: 'tell every step of the protocol here, for checking',
    explanation:
      'For tests, and for hunting a fault: compared with the Raft specification by `pnpm trace:check` (docs/trace-format.md). Lines are added to what is there.',
    example: 'traces/1.ndjson',
    parse: parsePath,
  },
  {
    key: 'log-level',
    argument: '<level>',
    of: { serve: { fallback: 'warn' }, cluster: { fallback: 'error' } },
    summary: `what is logged to stderr: ${LOG_LEVELS.join(', ')}`,
    explanation: 'One JSON object on each line. What follows in the list includes what stands before it.',
    example: 'info',
    parse: parseLevel,
  },
];

export function settingsOf(command: Configured): readonly Setting[] {
  return SETTINGS.filter((setting) => setting.of[command] !== undefined);
}

function parsePath(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('A path is wanted.');
  return text;
}

function parseName(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('A name is wanted.');
  return text;
}

function parseCount(text: string): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : undefined;
  if (count === undefined) throw new InvalidArgumentError('A whole number is wanted; 0 for never.');
  return count;
}

function parsePositive(text: string): number {
  const count = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (count < 1) throw new InvalidArgumentError('A whole number from 1 to 999999 is wanted.');
  return count;
}

function parseSeconds(text: string): number {
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : undefined;
  if (seconds === undefined)
    throw new InvalidArgumentError('A whole number of seconds is wanted; 0 for never.');
  return seconds;
}

function parseLevel(text: string): string {
  if ((LOG_LEVELS as readonly string[]).includes(text)) return text;
  throw new InvalidArgumentError(`Allowed choices are ${LOG_LEVELS.join(', ')}.`);
}

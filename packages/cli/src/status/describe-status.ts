// The status of a cluster as a table, and the one sentence that somebody in a hurry reads.

import type { Palette } from '../terminal/palette.js';
import { count, formatDuration } from '../terminal/quantities.js';
import { type Column, formatTable } from '../terminal/table.js';
import type { ClusterStatus, ServerRow } from './gather-status.js';

const COLUMNS: readonly Column[] = [
  { title: 'ID', align: 'right' },
  { title: 'ROLE', align: 'left' },
  { title: 'STATE', align: 'left' },
  { title: 'TERM', align: 'right' },
  { title: 'COMMIT', align: 'right' },
  { title: 'APPLIED', align: 'right' },
  { title: 'LAST', align: 'right' },
  { title: 'SNAPSHOT', align: 'right' },
  { title: 'BEHIND', align: 'right' },
  { title: 'UPTIME', align: 'right' },
  { title: 'VERSION', align: 'left' },
  { title: 'CLIENTS', align: 'left' },
];

export function describeStatus(status: ClusterStatus, palette: Palette): string[] {
  const { servers, failures } = status;
  const paint = (line: string, row: number): string => {
    const server = servers[row];
    if (server === undefined) return line;
    if (server.state !== 'ok') return server.isReached ? palette.yellow(line) : palette.red(line);
    return server.role === 'leader' ? palette.bold(line) : line;
  };
  return [
    ...formatTable(COLUMNS, servers.map(cells), { palette, paint }),
    '',
    describeCluster(status, palette),
    ...failures.map((failure) => palette.yellow(failure)),
  ];
}

function cells(server: ServerRow): string[] {
  const { id, role, state, uptimeMs, version = '', client = '' } = server;
  const { term, commitIndex, appliedIndex, lastIndex, snapshotIndex, lag } = server;
  const numbers = [term, commitIndex, appliedIndex, lastIndex, snapshotIndex, lag].map((value) =>
    value === undefined ? '' : String(value),
  );
  const uptime = uptimeMs === undefined ? '' : formatDuration(uptimeMs);
  return [String(id), role === 'none' ? '' : role, state, ...numbers, uptime, version, client];
}

function describeCluster({ cluster, leader, isServing, servers }: ClusterStatus, palette: Palette): string {
  const voters = servers.filter(({ role }) => role === 'leader' || role === 'voter' || role === 'leaving');
  const reached = voters.filter(({ isReached }) => isReached).length;
  const facts = `cluster ${cluster}, ${reached} of ${count(voters.length, 'voter')} reached`;
  if (isServing) return `${palette.green('serving')}: server ${leader} leads; ${facts}`;
  const why =
    leader === undefined
      ? 'no leader is known, so nothing can be written'
      : `server ${leader} was named as leader, and does not lead a majority from what was heard`;
  return `${palette.red('not serving')}: ${why}; ${facts}`;
}

// `waldb snapshot restore`: directories of a new cluster from a backup. Changes no directory that holds anything.

import { formatServerAddress, type Members, restoreBackup } from '@waldb/runtime';
import { parseServerAddress } from '@waldb/runtime/server-address';
import { ADMIN_PORT_OFFSET, directoryOf, layOut, PEER_PORT_OFFSET } from '../cluster-layout.js';
import { EXIT, type ExitCode } from '../exit.js';
import { ProgressLine } from '../terminal/progress-line.js';
import { requireFile } from './existing-file.js';
import { describeState } from './save-command.js';

export interface RestoreFlags {
  readonly directory: string;
  readonly members?: Members;
  readonly nodes?: number;
  readonly port: number;
  readonly clusterName: string;
  readonly json?: boolean;
}

export async function runRestore(file: string, flags: RestoreFlags): Promise<ExitCode> {
  requireFile(file);
  const members = flags.members ?? localMembers(flags);
  const directories = directoriesOf(members, flags);
  const progress = new ProgressLine('restoring');
  const report = await restoreBackup({
    ...{ file, members, directories, cluster: flags.clusterName },
    onProgress: progress.update,
  }).finally(() => progress.clear());
  const { cluster, backup } = report;
  if (flags.json === true) process.stdout.write(`${JSON.stringify({ cluster, directories, backup })}\n`);
  else
    process.stdout.write(
      `Restored ${describeState(backup)} into a new cluster, ${cluster}.\n` +
        Object.entries(directories)
          .map(([id, directory]) => `  server ${id}  ${directory}\n`)
          .join('') +
        `${howToStart(flags, directories)}\n`,
    );
  return EXIT.ok;
}

/** Where `waldb cluster` has its servers, and `waldb serve` the one that is alone. */
function localMembers({ nodes = 1, port }: RestoreFlags): Members {
  const ports = { port, peerPort: port + PEER_PORT_OFFSET, adminPort: port + ADMIN_PORT_OFFSET };
  const members: Record<number, string> = {};
  for (const { id, peer, client, admin } of layOut({ nodes, host: '127.0.0.1', ...ports }))
    members[id] = formatServerAddress(nodes === 1 ? { peer, client } : { peer, client, admin });
  return members;
}

/** One server has the directory itself, unless it is laid out as a cluster. */
function directoriesOf(members: Members, { directory, nodes }: RestoreFlags): Record<number, string> {
  const ids = Object.keys(members).map(Number);
  const isAlone = nodes === undefined && ids.length === 1;
  return Object.fromEntries(ids.map((id) => [id, isAlone ? directory : directoryOf(directory, id)]));
}

function howToStart(flags: RestoreFlags, directories: Record<number, string>): string {
  const { directory, nodes, port } = flags;
  if (nodes !== undefined)
    return `Start them: waldb cluster --nodes ${nodes} --port ${port} --directory ${directory}`;
  const [[id, own] = ['1', directory], ...others] = Object.entries(directories);
  if (others.length === 0)
    return `Start it: waldb serve --id ${id} --directory ${own} ${whereItListens(flags, id)}`;
  return 'Bring each directory to the machine of its server, once, and start it there: waldb serve --id … --directory …';
}

/** As it was told to be reached; the loopback is where it listens by itself. */
function whereItListens({ members, port }: RestoreFlags, id: string): string {
  const client = parseServerAddress(members?.[Number(id)] ?? '')?.client;
  if (client === undefined) return `--port ${port}`;
  return client.host === '127.0.0.1'
    ? `--port ${client.port}`
    : `--host ${client.host} --port ${client.port}`;
}

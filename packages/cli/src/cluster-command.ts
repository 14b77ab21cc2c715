// `waldb cluster`: its options, and nothing of what it does.

import { type Command, Option } from 'commander';
import { type ClusterOptions, runCluster } from './cluster.js';
import { ADMIN_PORT_OFFSET, PEER_PORT_OFFSET } from './cluster-layout.js';
import type { CommandContext } from './commands.js';
import { effectiveSettings, type TypedFlags, valuesOf } from './config/effective.js';
import { addSettingOptions } from './config/setting-options.js';

export function addCluster(command: Command, { entryFile, run }: CommandContext): void {
  addSettingOptions(command, 'cluster')
    .addOption(new Option('--json', 'what happens on stdout as one JSON object on each line'))
    .addHelpText('after', CLUSTER_HELP)
    .action(({ json, ...flags }: TypedFlags & { readonly json?: boolean }) =>
      run(() => runCluster({ ...clusterOptions(flags, entryFile), isJson: json === true })),
    );
}

function clusterOptions(flags: TypedFlags, entryFile: string): Omit<ClusterOptions, 'isJson'> {
  // The table's parsers give values of these types, and its defaults all that have to be there.
  const settings = valuesOf(effectiveSettings('cluster', flags, process.env)) as unknown as ClusterSettings;
  const { port } = settings;
  const peerPort = settings.peerPort ?? port + PEER_PORT_OFFSET;
  const adminPort = settings.adminPort ?? port + ADMIN_PORT_OFFSET;
  return { ...settings, peerPort, adminPort, entryFile };
}

type ClusterSettings = Omit<ClusterOptions, 'entryFile' | 'isJson' | 'peerPort' | 'adminPort'> & {
  readonly peerPort?: number;
  readonly adminPort?: number;
};

const CLUSTER_HELP = `
Prints "ready leader=<id> pids=<id:pid,...>" on stdout once a leader serves, and again
after each change of leader or return of a server. A server that ends is started again.
With --json the lines are {"event":"started",...} and {"event":"ready","leader":2,"pids":{"1":4711,...}}.

Examples:
  waldb cluster                                    3 servers, clients at 7101 to 7103
  waldb cluster --directory /var/lib/waldb --port 9001
  redis-cli -c -p 7101 set greeting hello          any server will do: -c follows to the leader`;

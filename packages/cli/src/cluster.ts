// `waldb cluster`: a whole cluster on this machine, each server a process of its own, kept alive until a signal.
//
// stdout is for scripts: one banner, then a line each time that a leader serves, or a server is back:
//
//   ready leader=2 pids=1:4711,2:4712,3:4713
//
// With --json the same as an object on each line.

import { formatEndpoint } from '@waldb/io';
import { AdminTls, type AdminTlsFiles } from './admin/admin-tls.js';
import { adminUrl } from './admin/admin-url.js';
import { certificatePaths } from './certs/certificate-paths.js';
import { checkPorts } from './check-ports.js';
import { readClientAccess } from './clients/client-access.js';
import { type ClusterPorts, directoryOf, layOut } from './cluster-layout.js';
import { EXIT, type ExitCode, ExitError, onOneLine } from './exit.js';
import type { LogLevel } from './log-levels.js';
import { formatPeers, type MemberEndpoints } from './option-values.js';
import { type NodeExit, SupervisedNode } from './supervised-node.js';
import { readTlsFiles, type TlsFiles } from './tls-files.js';
import { readVersion } from './version.js';

export interface ClusterOptions extends ClusterPorts {
  readonly directory: string;
  readonly clusterName: string;
  /** Where `waldb certs create` has put the certificates; undefined: no TLS between the servers. */
  readonly tlsDirectory?: string;
  readonly usersFile?: string;
  readonly maxClients: number;
  readonly clientIdleTimeout: number;
  readonly clientTlsCert?: string;
  readonly clientTlsKey?: string;
  readonly clientTlsCa?: string;
  /** What is in it lets operators change the cluster. */
  readonly adminTokenFile?: string;
  readonly adminTlsCert?: string;
  readonly adminTlsKey?: string;
  readonly adminTlsCa?: string;
  readonly snapshotEntries: number;
  readonly logLevel: LogLevel;
  readonly entryFile: string;
  /** Whether stdout is read by a program. */
  readonly isJson: boolean;
}

/** How long servers have to close their logs before they are killed. */
const STOP_MS_MAX = 10_000;

const NONE_LEFT = new ExitError(EXIT.unusable, 'No server is left that can use its data.');

/** Resolves with the code that the process should exit with, once every server has ended. Errors: `ExitError`. */
export async function runCluster(options: ClusterOptions): Promise<ExitCode> {
  const members = layOut(options);
  checkFiles(options, members);
  await checkPorts(members.flatMap(({ peer, client, admin }) => [peer, client, admin]));
  return await new Cluster(options, members).run();
}

/** What is missing is told once, before any server is started. */
function checkFiles(options: ClusterOptions, members: readonly MemberEndpoints[]): void {
  for (const { id } of members) {
    const files = tlsFilesFor(options, id);
    if (files !== undefined) readTlsFiles(files);
  }
  const { usersFile, clientTlsCert: tlsCert, clientTlsKey: tlsKey, clientTlsCa: tlsCa } = options;
  readClientAccess({ usersFile, tlsCert, tlsKey, tlsCa });
  new AdminTls(adminTlsOf(options));
}

function adminTlsOf({ adminTlsCert: cert, adminTlsKey: key, adminTlsCa: ca }: ClusterOptions): AdminTlsFiles {
  return { cert, key, ca };
}

/** Those that were said, as every server gets them. */
function accessArguments(options: ClusterOptions): string[] {
  const { usersFile, clientTlsCert, clientTlsKey, clientTlsCa } = options;
  const { adminTokenFile, adminTlsCert, adminTlsKey, adminTlsCa } = options;
  const flags = {
    '--users-file': usersFile,
    '--client-tls-cert': clientTlsCert,
    '--client-tls-key': clientTlsKey,
    '--client-tls-ca': clientTlsCa,
    '--admin-token-file': adminTokenFile,
    '--admin-tls-cert': adminTlsCert,
    '--admin-tls-key': adminTlsKey,
    '--admin-tls-ca': adminTlsCa,
  };
  return Object.entries(flags).flatMap(([flag, path]) => (path === undefined ? [] : [flag, path]));
}

function tlsArguments(options: ClusterOptions, id: number): string[] {
  const files = tlsFilesFor(options, id);
  return files === undefined ? [] : ['--tls-ca', files.ca, '--tls-cert', files.cert, '--tls-key', files.key];
}

function tlsFilesFor({ tlsDirectory }: ClusterOptions, id: number): TlsFiles | undefined {
  return tlsDirectory === undefined ? undefined : certificatePaths(tlsDirectory, id);
}

class Cluster {
  readonly #options: ClusterOptions;
  readonly #members: readonly MemberEndpoints[];
  readonly #nodes: readonly SupervisedNode[];
  /** The server that serves as leader, with its term; undefined from its end until another one serves. */
  #serving: { readonly node: SupervisedNode; readonly term: number } | undefined;
  #lastTerm = 0;
  #wasReady = false;
  #isStopping = false;
  /** Why it ends, where that is a failure. */
  #failure: ExitError | undefined;
  #resolve: () => void = () => undefined;

  constructor(options: ClusterOptions, members: readonly MemberEndpoints[]) {
    this.#options = options;
    this.#members = members;
    this.#nodes = members.map((member) => this.#makeNode(member));
  }

  async run(): Promise<ExitCode> {
    await new Promise<void>((resolve) => {
      this.#resolve = resolve;
      for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
        process.on(signal, () => this.#stop());
      }
      for (const node of this.#nodes) node.start();
    });
    if (this.#failure !== undefined) throw this.#failure;
    return EXIT.ok;
  }

  #makeNode(member: MemberEndpoints): SupervisedNode {
    const { maxClients, clientIdleTimeout } = this.#options;
    const { directory, clusterName, snapshotEntries, logLevel, entryFile } = this.#options;
    return new SupervisedNode({
      id: member.id,
      entryFile,
      args: [
        'serve',
        ...['--id', String(member.id)],
        ...['--directory', directoryOf(directory, member.id)],
        ...['--host', member.client.host],
        ...['--port', String(member.client.port)],
        ...['--peers', formatPeers(this.#members)],
        ...['--admin', formatEndpoint(member.admin)],
        ...accessArguments(this.#options),
        ...['--max-clients', String(maxClients)],
        ...['--client-idle-timeout', String(clientIdleTimeout)],
        ...tlsArguments(this.#options, member.id),
        ...['--cluster-name', clusterName],
        ...['--snapshot-entries', String(snapshotEntries)],
        ...['--log-level', logLevel],
      ],
      onStarted: () => this.#onStarted(),
      onServing: (node, term) => this.#onServing(node, term),
      onExit: (node, exit) => this.#onExit(node, exit),
    });
  }

  #onStarted(): void {
    // Before the first leader the banner and the ready line say it all; after that, a server has come back.
    if (this.#wasReady) this.#printReady();
  }

  #onServing(node: SupervisedNode, term: number): void {
    // Words of two leaders may cross on their way here: the higher term is the later one.
    if (this.#isStopping || term < this.#lastTerm) return;
    this.#lastTerm = term;
    this.#serving = { node, term };
    if (!this.#wasReady) this.#printBanner();
    this.#wasReady = true;
    this.#printReady();
  }

  #onExit(node: SupervisedNode, { how, failure }: NodeExit): void {
    if (this.#serving?.node === node) this.#serving = undefined;
    if (this.#isStopping) {
      this.#finishIfEnded();
      return;
    }
    if (failure?.exitCode === EXIT.refused && !this.#wasReady) {
      this.#stop(new ExitError(EXIT.refused, `server ${node.id}: ${failure.message}`));
      return;
    }
    if (failure?.exitCode === EXIT.unusable) {
      this.#say(`server ${node.id} stays down: ${failure.message}`);
      if (this.#nodes.every((one) => !one.isRunning)) this.#stop(NONE_LEFT);
      return;
    }
    const why = failure === undefined ? how : failure.message;
    const delayMs = node.startLater();
    this.#say(`server ${node.id} ended (${why}); it is started again in ${delayMs / 1000} s`);
  }

  /** A second call, of an impatient user, kills. */
  #stop(failure?: ExitError): void {
    const signal = this.#isStopping ? 'SIGKILL' : 'SIGTERM';
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.#failure = failure;
      setTimeout(() => this.#kill('SIGKILL'), STOP_MS_MAX).unref();
    }
    this.#kill(signal);
    this.#finishIfEnded();
  }

  #kill(signal: 'SIGTERM' | 'SIGKILL'): void {
    for (const node of this.#nodes) node.stop(signal);
  }

  #finishIfEnded(): void {
    if (this.#nodes.every((node) => !node.isRunning)) this.#resolve();
  }

  #printBanner(): void {
    const { host, port, nodes, directory, clientTlsCert, isJson } = this.#options;
    if (isJson) return this.#printEvent({ event: 'started', version: readVersion(), ...this.#facts() });
    const tls = clientTlsCert === undefined ? '' : ' --tls';
    const clients = this.#members.map(({ client }) => formatEndpoint(client)).join(', ');
    const dashboards = this.#members.map(({ admin }) => adminUrl(admin, adminTlsOf(this.#options)));
    process.stdout.write(
      `waldb ${readVersion()}: ${nodes} ${nodes === 1 ? 'server' : 'servers'} at ${clients}, data in ${directory}. ` +
        `Connect with: redis-cli -c${tls} -h ${host} -p ${port}\n` +
        `Dashboard: ${dashboards[0]} (each server has it)\n`,
    );
  }

  #facts(): object {
    const servers = this.#members.map(({ id, client, peer, admin }) => ({
      id,
      directory: directoryOf(this.#options.directory, id),
      ...{ clients: formatEndpoint(client), peers: formatEndpoint(peer), admin: formatEndpoint(admin) },
    }));
    return { directory: this.#options.directory, servers };
  }

  #printReady(): void {
    if (this.#serving === undefined) return;
    const leader = this.#serving.node.id;
    const started = this.#nodes.filter((node) => node.isStarted).map(({ id, pid }) => [id, pid] as const);
    if (this.#options.isJson)
      return this.#printEvent({ event: 'ready', leader, pids: Object.fromEntries(started) });
    const pids = started.map(([id, pid]) => `${id}:${pid}`);
    process.stdout.write(`ready leader=${leader} pids=${pids.join(',')}\n`);
  }

  #printEvent(event: object): void {
    process.stdout.write(`${JSON.stringify(event)}\n`);
  }

  #say(text: string): void {
    process.stderr.write(`waldb: ${onOneLine(text)}\n`);
  }
}

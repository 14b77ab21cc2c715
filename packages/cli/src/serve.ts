// `waldb serve`: runs one server until a signal, a failure, or the end of its supervisor.

import { formatEndpoint } from '@waldb/io';
import { adminUrl } from './admin/admin-url.js';
import { EXIT, type ExitCode, ExitError, toExitError } from './exit.js';
import { Node, type NodeOptions } from './node.js';
import { isSupervised, tellSupervisor } from './supervision.js';
import { readVersion } from './version.js';

/** A supervisor ends all servers at once: there is nobody to hand over to. */
const WITH_ITS_PEERS = { transfer: false } as const;

/** Resolves with the code that the process should exit with, once everything is closed. */
export async function serve(
  options: NodeOptions,
  { isJson }: { readonly isJson: boolean },
): Promise<ExitCode> {
  const end = new End();
  const isChild = isSupervised();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => end.with(EXIT.ok));
  if (isChild) {
    process.on('disconnect', () => end.with(EXIT.ok));
    // It may have gone while this program was loaded: that is told once, and nobody had listened yet.
    if (!process.connected) end.with(EXIT.ok);
  }
  try {
    const node = await Node.start(options, {
      onServing: (term) => {
        if (isChild) void tellSupervisor({ type: 'serving', term });
        else if (isJson) process.stdout.write(`${JSON.stringify({ event: 'serving', term })}\n`);
      },
      onFailure: (error) => end.with(error),
    });
    if (isChild) await tellSupervisor({ type: 'started' });
    else process.stdout.write(isJson ? startedAsJson(options) : banner(options));
    const ended = await end.reached;
    await node.close(isChild ? WITH_ITS_PEERS : {}).catch((error: unknown) => {
      // A log that failed says so again when it is closed; the first word counts.
      if (!(ended instanceof ExitError)) throw error;
    });
    if (ended instanceof ExitError) throw ended;
    return ended;
  } catch (error) {
    if (!isChild) throw error;
    const { exitCode, message } = toExitError(error);
    await tellSupervisor({ type: 'failed', exitCode, message });
    return exitCode;
  }
}

/** The first reason to end; later ones change nothing. */
class End {
  readonly reached: Promise<ExitCode | ExitError>;
  #resolve: (reason: ExitCode | ExitError) => void = () => undefined;

  constructor() {
    this.reached = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  with(reason: ExitCode | ExitError): void {
    this.#resolve(reason);
  }
}

function banner({ id, clientListen, clientAccess, admin, adminTls }: NodeOptions): string {
  const tls = clientAccess.tlsCert === undefined ? '' : ' --tls';
  return (
    `waldb ${readVersion()}: server ${id} takes clients at ${formatEndpoint(clientListen)} ` +
    `(redis-cli -c${tls} -h ${clientListen.host} -p ${clientListen.port})\n` +
    (admin === undefined ? '' : `Dashboard: ${adminUrl(admin, adminTls)}\n`)
  );
}

function startedAsJson({ id, directory, clientListen, admin }: NodeOptions): string {
  const clients = formatEndpoint(clientListen);
  const started = { event: 'started', version: readVersion(), server: id, directory, clients };
  return `${JSON.stringify({ ...started, admin: admin && formatEndpoint(admin) })}\n`;
}

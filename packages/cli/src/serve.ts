// `waldb serve`: runs one server until a signal, a failure, or the end of its supervisor.

import { formatEndpoint } from '@waldb/io';
import { EXIT, type ExitCode, ExitError, reportExit, toExitError } from './exit.js';
import { Node, type NodeOptions } from './node.js';
import { isSupervised, tellSupervisor } from './supervision.js';
import { readVersion } from './version.js';

/** A supervisor ends all servers at once: there is nobody to hand over to. */
const WITH_ITS_PEERS = { transfer: false } as const;

/** Resolves with the code that the process should exit with, once everything is closed. */
export async function serve(options: NodeOptions): Promise<ExitCode> {
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
      onServing: (term) => void tellSupervisor({ type: 'serving', term }),
      onFailure: (error) => end.with(error),
    });
    if (isChild) await tellSupervisor({ type: 'started' });
    else printBanner(options);
    const ended = await end.reached;
    await node.close(isChild ? WITH_ITS_PEERS : {}).catch((error: unknown) => {
      // A log that failed says so again when it is closed; the first word counts.
      if (!(ended instanceof ExitError)) throw error;
    });
    if (ended instanceof ExitError) throw ended;
    return ended;
  } catch (error) {
    return await reportFailure(toExitError(error), isChild);
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

async function reportFailure(error: ExitError, isChild: boolean): Promise<ExitCode> {
  if (isChild) await tellSupervisor({ type: 'failed', exitCode: error.exitCode, message: error.message });
  else reportExit(error);
  return error.exitCode;
}

function printBanner(options: NodeOptions): void {
  const { id, clientListen, clientAccess, admin } = options;
  const tls = clientAccess.tlsCert === undefined ? '' : ' --tls';
  process.stdout.write(
    `waldb ${readVersion()}: server ${id} takes clients at ${formatEndpoint(clientListen)} ` +
      `(redis-cli -c${tls} -h ${clientListen.host} -p ${clientListen.port})\n` +
      (admin === undefined ? '' : `Dashboard: http://${formatEndpoint(admin)}/\n`),
  );
}

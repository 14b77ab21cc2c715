// How many clients a server takes, and for how long they may be silent. Each client is an open file, and a server that may
// open no more cannot write its log: so there are never more clients than that leaves.

import type { ServerLimits } from '@waldb/kv';
import type { Logger } from 'pino';
import { EXIT, ExitError } from '../exit.js';

/** As the settings have them. */
export interface ClientLimits {
  readonly maxClients: number;
  /** 0: for ever. */
  readonly idleSeconds: number;
}

/** Of the log, of snapshots, of the other servers, of operators, of clients that are being refused, and of Node. */
const OTHER_FILES = 512;

/** What `RespServer.start` takes of it. Errors: `ExitError` (refused), where the system leaves none. */
export function serverLimitsOf(
  { maxClients, idleSeconds }: ClientLimits,
  logger: Pick<Logger, 'warn'>,
  filesMax: number = openFilesMax(),
): Partial<ServerLimits> {
  const connectionsMax = Math.min(maxClients, filesMax - OTHER_FILES);
  if (connectionsMax < 1) {
    const why = `Only ${filesMax} files may be open here, and ${OTHER_FILES} are needed besides clients`;
    throw new ExitError(EXIT.refused, `${why}: allow more (ulimit -n).`);
  }
  if (connectionsMax < maxClients)
    logger.warn(
      { filesMax, maxClients, connectionsMax },
      `Only ${filesMax} files may be open here: at most ${connectionsMax} clients at a time (ulimit -n).`,
    );
  return { connectionsMax, ...(idleSeconds > 0 && { idleMsMax: idleSeconds * 1000 }) };
}

/** Node has raised it as far as it may be raised. */
function openFilesMax(): number {
  const { report } = process;
  // Not asked for here, and it may look names up.
  Reflect.set(report, 'excludeNetwork', true);
  const { userLimits } = report.getReport() as { userLimits?: { open_files?: { soft?: unknown } } }; // as Node documents it
  const limit = userLimits?.open_files?.soft;
  return typeof limit === 'number' ? limit : Number.POSITIVE_INFINITY;
}

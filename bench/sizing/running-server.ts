// One server as its users run it, as long as something is measured of it.

import { fileURLToPath } from 'node:url';
import { askResp } from '../cluster/load/resp-client.js';
import { freePorts, Processes } from '../cluster/stores/processes.js';
import { HOST } from '../cluster/stores/store.js';

export const PROGRAM: string = fileURLToPath(new URL('../../packages/cli/dist/main.js', import.meta.url));
/** Sizes do not depend on how long it takes. */
export const WAIT_MS = 300_000;

export interface RunningServer {
  readonly processes: Processes;
  /** For clients, and for operators. */
  readonly port: number;
  readonly admin: number;
}

/** Started on `directory`, whatever is in it, and ended after `act`. */
export async function running<Result>(
  directory: string,
  flags: readonly string[],
  act: (server: RunningServer) => Promise<Result>,
): Promise<Result> {
  const [port = 0, admin = 0] = await freePorts(2);
  const words = ['serve', '--directory', directory, '--port', `${port}`, '--admin', `${HOST}:${admin}`];
  const processes = new Processes();
  processes.start(process.execPath, [PROGRAM, ...words, ...flags], directory);
  try {
    const serves = async (): Promise<true | undefined> => {
      const isReady = (await metricsOf(admin)).get('waldb_is_leader') === 1;
      // By TLS only the admin port can be asked.
      const isTls = flags.includes('--client-tls-cert');
      const isServing = isTls || (await askResp(port, ['SET', 'leader?', 'yes'])).startsWith('+OK');
      return isReady && isServing ? true : undefined;
    };
    await processes.until('waldb serves', serves, WAIT_MS);
    return await act({ processes, port, admin });
  } finally {
    await processes.stop();
  }
}

/** What the admin port tells Prometheus, series without labels. */
export async function metricsOf(admin: number): Promise<Map<string, number>> {
  const text = await (await fetch(`http://${HOST}:${admin}/metrics`)).text();
  return new Map([...text.matchAll(/^(\w+) (\S+)$/gm)].map(([, name = '', value]) => [name, Number(value)]));
}

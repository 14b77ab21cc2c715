// `waldb snapshot take`: one server saves its state in its own directory, as it does by itself from time to time.

import { TAKE_SNAPSHOT_PATH } from '../admin/admin-routes.js';
import { EXIT, type ExitCode, ExitError } from '../exit.js';
import { AdminError, type Answered, fetchJson } from '../members/admin-client.js';
import { type AdminFlags, adminAccess } from '../members/server-option.js';
import { ProgressLine } from '../terminal/progress-line.js';

export interface TakeFlags extends AdminFlags {
  readonly json?: boolean;
}

/** A large state takes a while. */
const ANSWER_MS_MAX = 600_000;

export async function runTake(flags: TakeFlags): Promise<ExitCode> {
  const access = adminAccess(flags);
  const [server = '', ...others] = access.servers;
  if (others.length > 0)
    throw new ExitError(EXIT.refused, 'One server takes its snapshot: name one (--server).', {
      code: 'USAGE',
    });
  const progress = new ProgressLine(server);
  progress.show('saves its state');
  const wish = { ...access, fields: {}, answerMsMax: ANSWER_MS_MAX };
  const { index, error } = await fetchJson<Answered>(server, TAKE_SNAPSHOT_PATH, wish).finally(() =>
    progress.clear(),
  );
  if (error !== undefined) throw new AdminError(error.code, error.message);
  const text = `${server} has saved its state at index ${index}.`;
  process.stdout.write(`${flags.json === true ? JSON.stringify({ server, index }) : text}\n`);
  return EXIT.ok;
}

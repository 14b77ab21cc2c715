// What a supervised server tells its supervisor, over the channel that Node opens between them. When the channel
// closes, the supervisor is gone, and the server ends too.

import { EXIT, type ExitCode } from './exit.js';

export type SupervisionMessage =
  /** Clients can connect. */
  | { readonly type: 'started' }
  /** This server leads in `term`, and serves. */
  | { readonly type: 'serving'; readonly term: number }
  /** It ends, and this is why. */
  | { readonly type: 'failed'; readonly exitCode: ExitCode; readonly message: string };

/** Undefined for anything else that comes over the channel. */
export function parseSupervisionMessage(value: unknown): SupervisionMessage | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const { type, term, exitCode, message } = value as Record<string, unknown>;
  if (type === 'started') return { type };
  if (type === 'serving' && typeof term === 'number') return { type, term };
  const known = Object.values(EXIT).find((code) => code === exitCode);
  if (type === 'failed' && known !== undefined && typeof message === 'string') {
    return { type, exitCode: known, message };
  }
  return undefined;
}

/** Whether this process was started by a supervisor. */
export function isSupervised(): boolean {
  return process.send !== undefined && process.env[SUPERVISED] === '1';
}

/** Set in the environment of supervised servers: a channel alone may be somebody else's. */
export const SUPERVISED = 'WALDB_SUPERVISED';

/** Resolves once the message is on its way; a supervisor that is gone does not matter here. */
export function tellSupervisor(message: SupervisionMessage): Promise<void> {
  return new Promise((resolve) => {
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
}

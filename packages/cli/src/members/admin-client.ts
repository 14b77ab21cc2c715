// Talks to the admin ports of a cluster: to whichever server answers, and for changes to the one that leads.

import { askAdmin, bearer, describeNoAnswer } from '../admin/ask-admin.js';
import type { MembersView } from '../admin/members-view.js';
import { EXIT, ExitError } from '../exit.js';
import { pause } from './pause.js';
import type { AdminAccess } from './server-option.js';

/** What the cluster said no to. */
export class AdminError extends ExitError {
  override readonly name: string = 'AdminError';

  constructor(code: string, message: string) {
    super(REFUSALS.has(code) ? EXIT.refused : EXIT.failed, message, { cause: { code } });
  }
}

/** Asking again the same way ends the same way. */
const REFUSALS = new Set([
  'OPTIONS_INVALID',
  'CONFIG_INVALID',
  'NOT_FOUND',
  'FOREIGN_REQUEST',
  'TOKEN_WANTED',
  'TOKEN_WRONG',
  'BODY_INVALID',
]);
/** Over by themselves: a leader is being elected, or another change is on its way. */
const PASSING = new Set(['NOT_READY', 'BUSY', 'CONFIG_IN_PROGRESS', 'TRANSFER_IN_PROGRESS']);
const ANSWER_MS_MAX = 15_000;
/** How long an election and the change before are waited for. */
const PATIENCE_MS = 15_000;
const PAUSE_MS = 200;

/** To what changes something. */
export interface Answered {
  readonly ok?: boolean;
  /** Of a snapshot. */
  readonly index?: number;
  readonly members?: MembersView;
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly detail?: Record<string, unknown>;
  };
}

export class AdminClient {
  readonly #access: AdminAccess;
  /** Admin addresses, those that answered last first. */
  #servers: string[];

  constructor(access: AdminAccess) {
    this.#access = access;
    this.#servers = [...access.servers];
  }

  /** As the leader sees it, or anybody, where none can be asked. Errors: `ExitError`. */
  async members(): Promise<MembersView> {
    const view = await this.#anyView();
    if (view.leader === view.answeredBy || view.leaderAdmin === undefined) return view;
    return await fetchJson<MembersView>(view.leaderAdmin, '/members', this.#access).catch(() => view);
  }

  /** Asks the leader, and waits for one to be there. Errors: `AdminError`, `ExitError`. */
  async change(path: string, fields: object): Promise<MembersView> {
    const until = Date.now() + PATIENCE_MS;
    for (;;) {
      const failure = await this.#askLeader(path, fields);
      if (!(failure instanceof AdminError)) return failure;
      const isPassing = PASSING.has(failure.code) || failure.code === 'NOT_LEADER';
      if (!isPassing || Date.now() >= until) throw failure;
      await pause(PAUSE_MS);
    }
  }

  async #askLeader(path: string, fields: object): Promise<MembersView | AdminError> {
    const view = await this.#anyView();
    if (view.membership !== 'member') throw new ExitError(EXIT.refused, notAMember(view));
    if (view.leader === undefined) return new AdminError('NOT_LEADER', NO_LEADER);
    if (view.leader !== view.answeredBy && view.leaderAdmin === undefined) {
      throw new ExitError(
        EXIT.refused,
        `Server ${view.leader} leads, and has no admin port that others know of: start it with --admin, or hand leadership on.`,
      );
    }
    const leader = view.leader === view.answeredBy ? this.#servers[0] : view.leaderAdmin;
    const { members, error } = await fetchJson<Answered>(leader ?? '', path, {
      ...this.#access,
      fields,
    });
    if (error !== undefined) return new AdminError(error.code, error.message);
    if (members === undefined)
      throw new ExitError(EXIT.failed, `${leader} answers with something else.`, {
        code: 'NO_ANSWER',
      });
    return members;
  }

  /** The first answer of a member; of a server that is none (any more) only where no other is found. */
  async #anyView(): Promise<MembersView> {
    const failures: string[] = [];
    let outsider: MembersView | undefined;
    for (const server of this.#servers) {
      try {
        const view = await fetchJson<MembersView>(server, '/members', this.#access);
        if (view.membership === 'member') {
          const others = view.members.map(({ admin }) => admin).filter((admin) => admin !== undefined);
          this.#servers = [...new Set([server, ...others, ...this.#access.servers])];
          return view;
        }
        outsider ??= view;
      } catch (error) {
        failures.push(error instanceof Error ? error.message : String(error));
      }
    }
    if (outsider !== undefined) return outsider;
    throw new ExitError(EXIT.failed, failures.join(' '), { code: 'NO_ANSWER' });
  }
}

function notAMember({ answeredBy, membership }: MembersView): string {
  const why = membership === 'removed' ? 'was removed from its cluster' : 'waits to be added to its cluster';
  return `Server ${answeredBy} ${why}: name one that is in it (--server).`;
}

const NO_LEADER = 'No leader is known: a majority of the voters does not answer.';

interface Wish extends Pick<AdminAccess, 'token' | 'trust'> {
  /** With these, something is changed, and the token is sent along. */
  readonly fields?: object;
  readonly answerMsMax?: number;
}

/**
 * What was answered; a refusal of what was to be changed, too. Errors: `ExitError`, saying who did not answer and why;
 * `AdminError` where a server refuses to be looked at.
 */
export async function fetchJson<Value>(
  server: string,
  path: string,
  { fields, token, trust, answerMsMax = ANSWER_MS_MAX }: Wish,
): Promise<Value> {
  const authorization = fields === undefined ? undefined : bearer(token);
  let text: string;
  try {
    ({ text } = await askAdmin(server, path, { fields, authorization, trust, answerMsMax }));
  } catch (error) {
    throw noAnswer(server, error instanceof Error ? error.message : String(error));
  }
  const value = parseJson(text);
  if (value === undefined) throw noAnswer(server, 'what listens there is not an admin port of waldb');
  const { error } = value as Answered; // of the program's own making; what is missing is told where it is used
  if (error !== undefined && fields === undefined) throw new AdminError(error.code, error.message);
  return value as Value;
}

function noAnswer(server: string, why: string): ExitError {
  return new ExitError(EXIT.failed, describeNoAnswer(server, why), { code: 'NO_ANSWER' });
}

function parseJson(text: string): object | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined; // not JSON: the caller says so
  }
}

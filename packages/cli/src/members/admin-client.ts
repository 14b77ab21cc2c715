// Talks to the admin ports of a cluster: to whichever server answers, and for changes to the one that leads.

import type { MembersView } from '../admin/members-view.js';
import { EXIT, ExitError } from '../exit.js';
import { pause } from './pause.js';

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
  readonly #named: readonly string[];
  readonly #token: string | undefined;
  /** Admin addresses, those that answered last first. */
  #servers: string[];

  /** `token`: sent with what is changed. */
  constructor(servers: readonly string[], token?: string) {
    this.#named = servers;
    this.#token = token;
    this.#servers = [...servers];
  }

  /** As the leader sees it, or anybody, where none can be asked. Errors: `ExitError`. */
  async members(): Promise<MembersView> {
    const view = await this.#anyView();
    if (view.leader === view.answeredBy || view.leaderAdmin === undefined) return view;
    return await fetchJson<MembersView>(view.leaderAdmin, '/members').catch(() => view);
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
      fields,
      token: this.#token,
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
        const view = await fetchJson<MembersView>(server, '/members');
        if (view.membership === 'member') {
          const others = view.members.map(({ admin }) => admin).filter((admin) => admin !== undefined);
          this.#servers = [...new Set([server, ...others, ...this.#named])];
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

interface Wish {
  /** With these, something is changed. */
  readonly fields?: object;
  readonly token?: string | undefined;
  readonly answerMsMax?: number;
}

/** What says that somebody may change the cluster. */
export function authorization(token: string | undefined): { readonly authorization?: string } {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** Errors: `ExitError`, saying who did not answer and why. */
export async function fetchJson<Value>(
  server: string,
  path: string,
  { fields, token, answerMsMax = ANSWER_MS_MAX }: Wish = {},
): Promise<Value> {
  try {
    const response = await fetch(`http://${server}${path}`, {
      signal: AbortSignal.timeout(answerMsMax),
      redirect: 'error',
      ...(fields !== undefined && {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...authorization(token) },
        body: JSON.stringify(fields),
      }),
    });
    return (await response.json()) as Value; // of the program's own making; what is missing is told where it is used
  } catch (error) {
    const why = whyUnanswered(error as Error & { cause?: NodeJS.ErrnoException }, answerMsMax); // of fetch or of JSON
    throw new ExitError(EXIT.failed, `No answer from ${server}: ${why}.`, {
      cause: error,
      code: 'NO_ANSWER',
    });
  }
}

function whyUnanswered(error: Error & { cause?: NodeJS.ErrnoException }, answerMsMax: number): string {
  const { cause, message, name } = error;
  if (name === 'TimeoutError') return `it said nothing for ${answerMsMax / 1000} s`;
  if (name === 'SyntaxError') return 'what listens there is not an admin port of waldb';
  if (cause?.code === 'ECONNREFUSED') return 'nothing listens there (waldb serve --admin)';
  return cause?.code ?? cause?.message ?? message;
}

// What every server of a cluster says of itself, found through any one of them; and of those that do not answer, what
// the others say.

import { formatEndpoint } from '@waldb/io';
import { parseServerAddress } from '@waldb/runtime/server-address';
import type { StatusAnswer } from '../admin/admin-routes.js';
import { type MemberView, membersView } from '../admin/members-view.js';
import { EXIT, ExitError } from '../exit.js';
import { fetchJson } from '../members/admin-client.js';
import type { AdminAccess } from '../members/server-option.js';

/** One server, as a line of `waldb status` shows it. What is not known is absent. */
export interface ServerRow {
  readonly id: number;
  readonly role: 'leader' | MemberView['role'] | 'none';
  /** `ok`, or the first thing that is not as it should be, in two or three words. */
  readonly state: string;
  readonly isReached: boolean;
  readonly term?: number;
  readonly commitIndex?: number;
  readonly appliedIndex?: number;
  /** The last index in its log. */
  readonly lastIndex?: number;
  readonly snapshotIndex?: number;
  /** Entries of the leader's log that it is not known to hold. */
  readonly lag?: number;
  readonly uptimeMs?: number;
  readonly version?: string;
  readonly client?: string | undefined;
  readonly admin?: string | undefined;
}

export interface ClusterStatus {
  readonly cluster: string;
  /** Of the newest term that anybody told of. */
  readonly leader: number | undefined;
  readonly term: number;
  /** Whether it can take commands: a leader answered, and a majority of the voters is there. */
  readonly isServing: boolean;
  readonly servers: readonly ServerRow[];
  /** Who did not answer, and why. */
  readonly failures: readonly string[];
}

const ANSWER_MS_MAX = 3_000;
/** More servers than a cluster has: what is told of addresses is not believed without end. */
const SERVERS_MAX = 64;

/** Errors: `ExitError` when nobody answers. */
export async function gatherStatus(access: AdminAccess): Promise<ClusterStatus> {
  const answers = new Map<number, StatusAnswer>();
  const failures: string[] = [];
  const asked = new Set<string>();
  for (let wave = [...access.servers]; wave.length > 0 && asked.size < SERVERS_MAX; ) {
    for (const server of wave) asked.add(server);
    await Promise.all(
      wave.map(async (server) => {
        try {
          const answer = await fetchJson<StatusAnswer>(server, '/status', {
            ...access,
            answerMsMax: ANSWER_MS_MAX,
          });
          answers.set(answer.id, answer);
        } catch (error) {
          failures.push(error instanceof Error ? error.message : String(error));
        }
      }),
    );
    const known = [...answers.values()].flatMap(adminAddresses);
    wave = [...new Set(known)].filter((server) => !asked.has(server));
  }
  if (answers.size === 0) throw new ExitError(EXIT.failed, failures.join(' '), { code: 'NO_ANSWER' });
  return summarise(answers, failures);
}

function adminAddresses({ addresses }: StatusAnswer): string[] {
  const admins = Object.values(addresses).map((address) => parseServerAddress(address)?.admin);
  return admins.flatMap((admin) => (admin === undefined ? [] : [formatEndpoint(admin)]));
}

function summarise(answers: ReadonlyMap<number, StatusAnswer>, failures: readonly string[]): ClusterStatus {
  const best = [...answers.values()].sort(byAuthority)[0] as StatusAnswer; // there is an answer at least
  const { members, leader } = membersView(best);
  const told = [...answers.values()].filter(({ clusterId }) => clusterId === best.clusterId);
  const inside = members.map((member) => memberRow(member, answers.get(member.id), best));
  const outside = told
    .filter(({ id }) => members.every((member) => member.id !== id))
    .map((answer) => answerRow(answer, { role: 'none', lag: undefined }));
  const voters = inside.filter(({ role }) => role === 'leader' || role === 'voter');
  const hasMajority = voters.filter(({ isReached }) => isReached).length * 2 > voters.length;
  return {
    cluster: best.clusterId,
    leader,
    term: best.term,
    isServing: best.role === 'leader' && best.failure === undefined && !best.isDiskFull && hasMajority,
    servers: [...inside, ...outside].sort((a, b) => a.id - b.id),
    failures,
  };
}

/** Members before others; of them the leader of the newest term; then whoever knows the newest term. */
function byAuthority(a: StatusAnswer, b: StatusAnswer): number {
  const isMember = (one: StatusAnswer): number => (one.membership === 'member' ? 1 : 0);
  const leads = (one: StatusAnswer): number => (one.role === 'leader' ? 1 : 0);
  return isMember(b) - isMember(a) || leads(b) - leads(a) || b.term - a.term;
}

function memberRow(member: MemberView, answer: StatusAnswer | undefined, best: StatusAnswer): ServerRow {
  const { id, isLeader, matchIndex, client, admin } = member;
  const role = isLeader ? 'leader' : member.role;
  // Behind the leader's log where a leader was heard, else behind what is known to be committed.
  const lag = member.lag ?? (answer && Math.max(best.commitIndex - answer.lastIndex, 0));
  if (answer !== undefined) return { ...answerRow(answer, { role, lag }), client, admin };
  return {
    id,
    role,
    state: admin === undefined ? 'no admin port' : 'not reached',
    isReached: false,
    ...(matchIndex !== undefined && { lastIndex: matchIndex }),
    ...(lag !== undefined && { lag }),
    client,
    admin,
  };
}

function answerRow(
  answer: StatusAnswer,
  { role, lag }: { readonly role: ServerRow['role']; readonly lag: number | undefined },
): ServerRow {
  const { id, term, commitIndex, appliedIndex, lastIndex, snapshotIndex, uptimeMs, version } = answer;
  return {
    ...{ id, role, state: stateOf(answer), isReached: true },
    ...{ term, commitIndex, appliedIndex, lastIndex, snapshotIndex, uptimeMs, version },
    ...(lag !== undefined && { lag }),
  };
}

function stateOf({ failure, membership, leader, isDiskFull, fetchingSnapshot }: StatusAnswer): string {
  if (failure !== undefined) return `stopped: ${failure.code}`;
  if (membership === 'removed') return 'removed';
  if (membership === 'joining') return 'waits to be added';
  if (isDiskFull) return 'disk full';
  if (fetchingSnapshot !== undefined) return 'gets a snapshot';
  return leader === undefined ? 'no leader' : 'ok';
}

// The whole cluster as one server can tell: what it knows itself, what the others answered, and of those that do not
// answer what their leader knows. A function of these, without a clock or a network. Must never show what was heard
// once as if it were so now: each report carries its date, and who does not answer is `away`.

import { formatEndpoint } from '@waldb/io';
import { parseServerAddress } from '@waldb/runtime';
import { NOTHING_KNOWN, type PeerKnowledge } from './peers-watch.js';
import type { ServerReport, ServerView } from './report.js';

/** The configuration in force, as the runtime tells it. */
export interface Members {
  readonly voters: readonly number[];
  readonly learners: readonly number[];
  readonly votersOutgoing: readonly number[];
}

export interface Sight {
  readonly own: ServerReport;
  readonly members: Members;
  /** As configurations write them, by id. */
  readonly addresses: Readonly<Record<number, string>>;
  readonly known: (id: number) => PeerKnowledge | undefined;
}

export interface ClusterView {
  readonly term: number;
  readonly leader: number | undefined;
  readonly isServing: boolean;
  readonly voters: number;
  readonly votersPresent: number;
  readonly isJoint: boolean;
  readonly servers: readonly ServerView[];
}

/** A voter that its leader has not heard for so long is not there: some election timeouts. */
const PRESENT_MS = 3000;

export function clusterView(sight: Sight): ClusterView {
  const { own, members } = sight;
  const reports = [own, ...othersIn(sight).flatMap((id) => freshReport(sight.known(id)))];
  const leading = reports
    .filter(({ role, trouble }) => role === 'leader' && !trouble?.startsWith('stopped'))
    .sort((a, b) => b.term - a.term)[0];
  const { term, leader } = claimOf(reports, leading);
  const isLed = leading !== undefined && leading.term === term;
  const views = idsIn(sight).map((id) => serverView(sight, id, isLed ? leading : undefined));
  const isPresent = (id: number): boolean => views.some((view) => view.id === id && isThere(view));
  const hasMajority = (ids: readonly number[]): boolean => ids.filter(isPresent).length * 2 > ids.length;
  const isJoint = members.votersOutgoing.length > 0;
  return {
    term,
    leader,
    isServing:
      isLed &&
      leading.isReady &&
      leading.trouble === undefined &&
      hasMajority(members.voters) &&
      (!isJoint || hasMajority(members.votersOutgoing)),
    voters: members.voters.length,
    votersPresent: members.voters.filter(isPresent).length,
    isJoint,
    servers: views,
  };
}

/** Where the others are asked: those that have an admin port. */
export function whereaboutsOf({ own, addresses }: Pick<Sight, 'own' | 'addresses'>): Map<number, string> {
  const found = new Map<number, string>();
  for (const [id, address] of Object.entries(addresses)) {
    const admin = parseServerAddress(address)?.admin;
    if (Number(id) !== own.id && admin !== undefined) found.set(Number(id), formatEndpoint(admin));
  }
  return found;
}

/** Who leads in the newest term: who says so itself, or whom the others name. */
function claimOf(
  reports: readonly ServerReport[],
  leading: ServerReport | undefined,
): { readonly term: number; readonly leader: number | undefined } {
  const term = Math.max(...reports.map((report) => report.term));
  if (leading?.term === term) return { term, leader: leading.id };
  const named = reports.find((report) => report.term === term && report.leader !== undefined)?.leader;
  // A candidate raises its term and is not yet followed: until then the leader below it may lead.
  return { term, leader: named };
}

function serverView(sight: Sight, id: number, leading: ServerReport | undefined): ServerView {
  const { own, members, addresses, known } = sight;
  const address = parseServerAddress(addresses[id] ?? '');
  const { report, reportedAt, why } = known(id) ?? NOTHING_KNOWN;
  const isSelf = id === own.id;
  return {
    id,
    kind: kindOf(members, id),
    reach: isSelf
      ? 'self'
      : address?.admin === undefined
        ? 'unasked'
        : why === undefined
          ? 'answers'
          : 'away',
    why,
    reportedAt: isSelf ? own.date : reportedAt,
    report: isSelf ? own : report,
    progress: leading?.peers[id],
    admin: address?.admin && formatEndpoint(address.admin),
    client: address?.client && formatEndpoint(address.client),
  };
}

function kindOf({ voters, learners, votersOutgoing }: Members, id: number): ServerView['kind'] {
  if (voters.includes(id)) return 'voter';
  if (learners.includes(id)) return 'learner';
  return votersOutgoing.includes(id) ? 'leaving' : 'outside';
}

/** While a leader answers, whom it hears counts for its majority, whoever else can be reached from here. */
function isThere({ reach, report, progress }: ServerView): boolean {
  if (progress !== undefined) return (progress.lastContactMs ?? Number.POSITIVE_INFINITY) < PRESENT_MS;
  return (reach === 'self' || reach === 'answers') && !report?.trouble?.startsWith('stopped');
}

/** Members, and this server itself where it is none. */
function idsIn({ own, members }: Sight): number[] {
  const { voters, learners, votersOutgoing } = members;
  return [...new Set([...voters, ...votersOutgoing, ...learners, own.id])].sort((a, b) => a - b);
}

function othersIn(sight: Sight): number[] {
  return idsIn(sight).filter((id) => id !== sight.own.id);
}

function freshReport(knowledge: PeerKnowledge | undefined): ServerReport[] {
  return knowledge?.report === undefined || knowledge.why !== undefined ? [] : [knowledge.report];
}

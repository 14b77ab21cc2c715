// What servers and pages tell each other for the dashboard (docs/dashboard.md, "The stream"). Types and limits only: this
// file is compiled into the page as well, so it must never import anything that needs Node.

/** How often every server measures itself, asks the others while somebody looks, and tells the pages. */
export const BEAT_MS = 1000;
/** Samples that every server keeps of itself: ten minutes. */
export const SAMPLES_MAX = 600;
/** Spells of leadership that every server keeps, and that a page is shown. */
export const SPELLS_MAX = 64;

export interface ServerReport {
  readonly id: number;
  readonly cluster: string;
  readonly version: string;
  readonly uptimeMs: number;
  /** The date at this server when it answered: milliseconds since 1970. Dates below are of the same clock. */
  readonly date: number;
  readonly role: 'leader' | 'follower' | 'candidate' | 'learner';
  /** Whether it is in the cluster, as far as it knows. */
  readonly membership: 'joining' | 'member' | 'removed';
  readonly term: number;
  readonly leader: number | undefined;
  readonly log: LogReport;
  /** What is not as it should be, in a few words; undefined where all is well. */
  readonly trouble: string | undefined;
  /** Of a leader: whether it has committed in its own term, and so serves. */
  readonly isReady: boolean;
  /** Of a leader: how far the others are, by id. */
  readonly peers: Readonly<Record<number, PeerReport>>;
}

export interface LogReport {
  /** Through which entry the newest snapshot holds the state; 0 for none. */
  readonly snapshotIndex: number;
  readonly snapshotBytes: number;
  /** What is before this one was given up: compacted. */
  readonly firstIndex: number;
  readonly appliedIndex: number;
  readonly commitIndex: number;
  readonly durableIndex: number;
  readonly lastIndex: number;
  /** The disk space of the log. */
  readonly bytes: number;
}

/** A server as its leader sees it. */
export interface PeerReport {
  readonly matchIndex: number;
  /** Entries of the leader's log that it is not known to hold, and about how many bytes they are. */
  readonly lag: number;
  readonly lagBytes: number;
  readonly state: 'probe' | 'replicate' | 'snapshot';
  /** Since anything was heard from it; undefined if nothing ever was. */
  readonly lastContactMs: number | undefined;
}

/** One second of a server. */
export interface Sample {
  readonly date: number;
  /** Entries committed, per second. */
  readonly commits: number;
  /** Writes to stable storage, per second, and how long they took in milliseconds; 0 where there was none. */
  readonly syncs: number;
  readonly p50: number;
  readonly p99: number;
  /** On a leader: entries that each of the others is behind, by id. */
  readonly lags?: Readonly<Record<number, number>>;
}

/** A time in which somebody led, as far as it was seen. */
export interface Spell {
  readonly term: number;
  readonly leader: number;
  readonly from: number;
  /** Undefined while it lasts. */
  readonly to: number | undefined;
}

/** What `GET /dashboard/report` answers. */
export interface ReportAnswer extends ServerReport {
  readonly samples: readonly Sample[];
  readonly spells: readonly Spell[];
}

/** A server of the cluster, as one of them can tell. */
export interface ServerView {
  readonly id: number;
  readonly kind: 'voter' | 'learner' | 'leaving' | 'outside';
  /** `away`: it was asked, and did not answer. `unasked`: it has no admin port that is known. */
  readonly reach: 'self' | 'answers' | 'away' | 'unasked';
  /** With `away`: why, in a few words. */
  readonly why: string | undefined;
  /** The date of the report, by the clock of whoever tells it. */
  readonly reportedAt: number | undefined;
  /** What it said last; undefined where nothing was ever heard. */
  readonly report: ServerReport | undefined;
  /** As the leader sees it, where a leader answers. */
  readonly progress: PeerReport | undefined;
  /** Of its admin port and its port for clients. */
  readonly admin: string | undefined;
  readonly client: string | undefined;
}

/** What a page is told, again and again. All dates are by the clock of the server that tells it. */
export interface DashboardState {
  /** Who tells it. */
  readonly id: number;
  readonly cluster: string;
  readonly version: string;
  readonly date: number;
  /** Whether a token may be given to change anything. */
  readonly takesToken: boolean;
  /** The newest term that anybody told of, and who leads in it. */
  readonly term: number;
  readonly leader: number | undefined;
  /** Whether that leader answers, has committed in its term, and hears from a majority of the voters. */
  readonly isServing: boolean;
  /** How many voters there are, and how many answer here or are heard from by the leader. */
  readonly voters: number;
  readonly votersPresent: number;
  /** A change of several members at once is under way: both the old and the new voters must agree. */
  readonly isJoint: boolean;
  readonly servers: readonly ServerView[];
  readonly spells: readonly Spell[];
  /** By id, what is new since the last time; all that is kept in the first message of a stream. */
  readonly samples: Readonly<Record<number, readonly Sample[]>>;
  /** Pages that look, and pages that were cut off since the start because they read too slowly. */
  readonly pages: { readonly open: number; readonly cut: number };
}

export const ACTIONS = ['transfer', 'snapshot', 'promote', 'demote', 'remove'] as const;
/** What can be done from a page that has the token. */
export type Action = (typeof ACTIONS)[number];

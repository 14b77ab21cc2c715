// The lines of a protocol trace, as the checker reads them (docs/trace-format.md). Read from text, nothing is believed
// before its shape has been checked. This folder knows nothing of the code that writes traces.

export type ServerName = string;

/** Nobody, where a vote could be named. */
export const NOBODY: ServerName = '0';

export interface LineMessage {
  readonly type: string;
  readonly term: number;
  readonly from: ServerName;
  readonly to: ServerName;
  readonly index?: number;
  readonly logTerm?: number;
  readonly entries?: number;
  readonly terms?: readonly (readonly [term: number, count: number])[];
  readonly commit?: number;
  readonly reject?: boolean;
  readonly context?: string;
}

export interface LineEvent {
  readonly name: string;
  readonly nid: ServerName;
  readonly state: { readonly term: number; readonly vote: ServerName; readonly commit: number };
  readonly role: string;
  readonly log: number;
  readonly conf: readonly [voters: readonly ServerName[], votersOutgoing: readonly ServerName[]];
  readonly learners: readonly ServerName[];
  readonly msg?: LineMessage;
  readonly prop?: Readonly<Record<string, unknown>>;
}

/** A line that is no line of a trace. */
export class TraceFormatError extends Error {
  override readonly name: string = 'TraceFormatError';
  readonly code = 'TRACE_FORMAT';
  readonly why: string;
  readonly detail: { readonly line: string };

  constructor(why: string, line: string) {
    super(`not a line of a protocol trace: ${why}`);
    this.why = why;
    this.detail = { line: line.slice(0, 200) };
  }
}

/** Reads one line; undefined for a line of JSON with another tag, or an empty one. Errors: {@link TraceFormatError}. */
export function readTraceLine(text: string): { readonly event: LineEvent; readonly ts?: number } | undefined {
  if (text.trim() === '') return undefined;
  const line = parse(text);
  if (!isRecord(line) || line.tag !== 'trace') return undefined;
  const problem = problemOf(line.event);
  if (problem !== undefined) throw new TraceFormatError(problem, text);
  const event = line.event as LineEvent; // problemOf found nothing wrong with it
  return typeof line.ts === 'number' ? { event, ts: line.ts } : { event };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new TraceFormatError(error instanceof Error ? error.message : String(error), text);
  }
}

function problemOf(event: unknown): string | undefined {
  if (!isRecord(event)) return 'it has no event';
  const { name, nid, state, role, log, conf, learners, msg } = event;
  if (typeof name !== 'string' || typeof nid !== 'string') return 'name and nid are strings';
  if (!isRecord(state) || !isCount(state.term) || !isCount(state.commit) || typeof state.vote !== 'string')
    return 'state has a term, a vote and a commit index';
  if (typeof role !== 'string' || !isCount(log)) return 'role is a string and log an index';
  if (!Array.isArray(conf) || conf.length !== 2 || !conf.every(isNames) || !isNames(learners))
    return 'conf is two lists of servers, learners one';
  return msg === undefined ? undefined : problemOfMessage(msg);
}

function problemOfMessage(msg: unknown): string | undefined {
  if (!isRecord(msg)) return 'msg is no message';
  const { type, from, to, term, index, logTerm, entries, commit, terms } = msg;
  if (typeof type !== 'string' || typeof from !== 'string' || typeof to !== 'string')
    return 'a message has a type, from and to';
  for (const value of [term, index ?? 0, logTerm ?? 0, entries ?? 0, commit ?? 0])
    if (!isCount(value)) return 'a message has whole numbers';
  const isRun = (run: unknown): boolean => Array.isArray(run) && run.length === 2 && run.every(isCount);
  if (terms !== undefined && !(Array.isArray(terms) && terms.every(isRun))) return 'terms are runs';
  return undefined;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function isNames(value: unknown): value is ServerName[] {
  return Array.isArray(value) && value.every((name) => typeof name === 'string');
}

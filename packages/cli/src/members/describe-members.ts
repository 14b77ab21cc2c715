// Members as a table for people.

import type { MembersView, MemberView } from '../admin/members-view.js';
import type { Palette } from '../terminal/palette.js';
import { type Column, formatTable } from '../terminal/table.js';

const COLUMNS: readonly Column[] = [
  { title: 'ID', align: 'right' },
  { title: 'ROLE', align: 'left' },
  { title: 'STATE', align: 'left' },
  { title: 'BEHIND', align: 'right' },
  { title: 'PEERS', align: 'left' },
  { title: 'CLIENTS', align: 'left' },
  { title: 'ADMIN', align: 'left' },
];

/** Older than this, a server is shown as out of reach: a few heartbeats are missing. */
const SILENCE_MS = 2_000;

export function describeMembers(view: MembersView, palette: Palette): string[] {
  const rows = view.members.map((member) => [
    String(member.id),
    member.isLeader ? 'leader' : member.role,
    describeState(member),
    member.lag === undefined ? '' : String(member.lag),
    member.peer ?? '?',
    member.client ?? '',
    member.admin ?? '',
  ]);
  const paint = (line: string, row: number): string => {
    const member = view.members[row];
    if (member?.isLeader) return palette.bold(line);
    return member !== undefined && isAway(member) ? palette.red(line) : line;
  };
  return [...formatTable(COLUMNS, rows, { palette, paint }), '', describeCluster(view)];
}

export function describeCluster(view: MembersView): string {
  const facts = `cluster ${view.cluster}, term ${view.term}, committed through ${view.commitIndex}`;
  if (view.membership === 'joining')
    return `${facts}. Server ${view.answeredBy} told this, which waits to be added to it: waldb members add ${view.answeredBy}`;
  if (view.membership === 'removed')
    return `${facts}. Server ${view.answeredBy} told this, which was removed and knows nothing newer: ask another one.`;
  if (view.leader === undefined)
    return `${facts}. No leader is known: nothing can be written. (Told by server ${view.answeredBy}.)`;
  if (view.leader !== view.answeredBy)
    return `${facts}. Server ${view.leader} leads, and only it knows how far the others are; this was told by server ${view.answeredBy}.`;
  return `${facts}`;
}

function describeState(member: MemberView): string {
  if (member.isLeader || member.state === undefined) return '';
  if (isAway(member)) return 'not reached';
  if (member.isCaughtUp === true) return 'caught up';
  return member.state === 'snapshot' ? 'gets a snapshot' : 'catching up';
}

function isAway({ isLeader, state, lastContactMs }: MemberView): boolean {
  if (isLeader || state === undefined) return false;
  return lastContactMs === undefined || lastContactMs > SILENCE_MS;
}

// `waldb members ...`: what each command does. Every step that was taken stays taken: a command that was interrupted is
// typed again, and goes on.

import type { MembersView, MemberView } from '../admin/members-view.js';
import { EXIT, type ExitCode, ExitError } from '../exit.js';
import { paletteFor } from '../terminal/palette.js';
import { ProgressLine } from '../terminal/progress-line.js';
import { AdminClient, AdminError } from './admin-client.js';
import { describeMembers } from './describe-members.js';
import { pause } from './pause.js';
import { type AdminFlags, adminAccess } from './server-option.js';

export interface MembersFlags extends AdminFlags {
  readonly json?: boolean;
}

export interface AddFlags extends MembersFlags {
  readonly learner?: boolean;
  readonly timeout: number;
}

const POLL_MS = 250;

export async function listMembers(flags: MembersFlags): Promise<ExitCode> {
  const view = await new AdminClient(adminAccess(flags)).members();
  print(flags, view, describeMembers(view, paletteFor(process.stdout)).join('\n'));
  return EXIT.ok;
}

export async function addMember(id: number, address: string | undefined, flags: AddFlags): Promise<ExitCode> {
  const client = new AdminClient(adminAccess(flags));
  const present = (await client.members()).members.find((member) => member.id === id);
  if (present?.role === 'voter') throw new ExitError(EXIT.refused, `Server ${id} is a voter already.`);
  let view: MembersView;
  if (present === undefined) {
    view = await client.change('/members/add', { id, address });
    say(flags, `Server ${id} is a learner now: it receives the log, and counts for no majority.`);
  } else if (address !== undefined) {
    view = await client.change('/members/address', { id, address });
  } else view = await client.members();
  if (flags.learner !== true) view = await promoteWhenReady(client, id, flags);
  print(flags, view, flags.learner === true ? undefined : `Server ${id} is a voter now.`);
  return EXIT.ok;
}

export async function promoteMember(id: number, flags: AddFlags): Promise<ExitCode> {
  const view = await promoteWhenReady(new AdminClient(adminAccess(flags)), id, flags);
  print(flags, view, `Server ${id} is a voter now.`);
  return EXIT.ok;
}

export async function demoteMember(id: number, flags: MembersFlags): Promise<ExitCode> {
  const view = await new AdminClient(adminAccess(flags)).change('/members/demote', { id });
  print(flags, view, `Server ${id} is a learner now: it receives the log, and counts for no majority.`);
  return EXIT.ok;
}

export async function removeMember(id: number, flags: MembersFlags): Promise<ExitCode> {
  const view = await new AdminClient(adminAccess(flags)).change('/members/remove', { id });
  print(flags, view, `Server ${id} is removed. It can be stopped; wipe its directory before it joins again.`);
  return EXIT.ok;
}

export async function transferLeadership(id: number, flags: MembersFlags): Promise<ExitCode> {
  const view = await new AdminClient(adminAccess(flags)).change('/members/transfer', { id });
  print(flags, view, `Server ${id} leads now.`);
  return EXIT.ok;
}

export async function moveMember(id: number, address: string, flags: MembersFlags): Promise<ExitCode> {
  const view = await new AdminClient(adminAccess(flags)).change('/members/address', {
    id,
    address,
  });
  print(flags, view, `Server ${id} is dialled at its new address from now on.`);
  return EXIT.ok;
}

/** Shows how far the learner is until it can be promoted. */
async function promoteWhenReady(client: AdminClient, id: number, flags: AddFlags): Promise<MembersView> {
  const until = Date.now() + flags.timeout * 1000;
  const progress = new ProgressLine(`Server ${id}`);
  try {
    for (;;) {
      const view = await client.members();
      const member = view.members.find((one) => one.id === id);
      if (member?.role === 'voter') return view;
      progress.show(describeCatchUp(member, view));
      if (member?.isCaughtUp === true) {
        try {
          return await client.change('/members/promote', { id });
        } catch (error) {
          // Something was committed meanwhile that it does not have yet.
          if (!(error instanceof AdminError) || error.code !== 'NOT_CAUGHT_UP') throw error;
        }
      }
      if (Date.now() >= until) throw tooSlow(id, member, flags);
      await pause(POLL_MS);
    }
  } finally {
    progress.clear();
  }
}

function tooSlow(id: number, member: MemberView | undefined, flags: AddFlags): ExitError {
  const reached =
    member?.lastContactMs === undefined
      ? 'It was never heard of: is it running, with --join, and is its address right?'
      : `It holds the log up to ${member.matchIndex ?? 0}.`;
  return new ExitError(
    EXIT.failed,
    `Server ${id} has not caught up in ${flags.timeout} s. ${reached} It stays a learner; waldb members promote ${id} goes on.`,
  );
}

function describeCatchUp(member: MemberView | undefined, { commitIndex }: MembersView): string {
  const { matchIndex = 0, state } = member ?? {};
  return state === 'snapshot' ? 'gets a snapshot' : `holds the log through ${matchIndex} of ${commitIndex}`;
}

function say({ json }: MembersFlags, text: string): void {
  if (json !== true) process.stdout.write(`${text}\n`);
}

function print(flags: MembersFlags, view: MembersView, text: string | undefined): void {
  if (flags.json === true) process.stdout.write(`${JSON.stringify(view)}\n`);
  else if (text !== undefined) process.stdout.write(`${text}\n`);
}

// What a page that has the token can have done, asked of whichever server it looks at: changes go to the leader, a
// snapshot is taken by the server that is named. They take the same way as those of the command line.

import { formatEndpoint } from '@waldb/io';
import { type AdminAnswer, type AdminContext, answerPost, failure } from '../admin/admin-routes.js';
import { type AdminQuestion, askAdmin } from '../admin/ask-admin.js';
import { ACTIONS, type Action } from './report.js';

export const ACT_PATH = '/dashboard/act';
/** A change waits for a majority; it is not waited for without end. */
const ANSWER_MS_MAX = 20_000;

const PATHS: Readonly<Record<Action, string>> = {
  transfer: '/members/transfer',
  snapshot: '/snapshot/take',
  promote: '/members/promote',
  demote: '/members/demote',
  remove: '/members/remove',
};

type Fields = Readonly<Record<string, unknown>>;

/** `authorization` is handed on to the server that does it, which has the last word. */
export async function act(
  { action, id }: Fields,
  context: AdminContext,
  authorization: string | undefined,
): Promise<AdminAnswer> {
  const known = ACTIONS.find((one) => one === action);
  if (known === undefined)
    return failure(400, 'OPTIONS_INVALID', `\`action\` has to be one of ${ACTIONS.join(', ')}.`);
  if (typeof id !== 'number') return failure(400, 'OPTIONS_INVALID', '`id` has to be a number.');
  const { id: ownId, leader } = context.raft.status();
  const doer = known === 'snapshot' ? id : leader;
  if (doer === undefined)
    return failure(503, 'NOT_LEADER', 'No leader is known: nothing can be changed now.');
  if (doer === ownId) return await answerPost(PATHS[known], { id }, context);
  const admin = context.raft.addressOf(doer)?.admin;
  if (admin === undefined)
    return failure(
      503,
      'NOT_REACHED',
      `Server ${doer} has no admin port that is known here: it cannot be asked.`,
    );
  const { trust } = context;
  return await askOther(formatEndpoint(admin), PATHS[known], { fields: { id }, authorization, trust });
}

async function askOther(
  admin: string,
  path: string,
  question: Omit<AdminQuestion, 'trust'> & Pick<AdminContext, 'trust'>,
): Promise<AdminAnswer> {
  try {
    const trust = question.trust();
    const { status, text } = await askAdmin(admin, path, { ...question, trust, answerMsMax: ANSWER_MS_MAX });
    return { status, body: JSON.parse(text) };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const message = `The server at ${admin} has to do it, and did not answer: ${why}.`;
    return failure(504, 'NOT_REACHED', message, { mayHaveBeenApplied: true });
  }
}

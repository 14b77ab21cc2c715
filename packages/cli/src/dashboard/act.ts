// What a page that has the token can have done, asked of whichever server it looks at: changes go to the leader, a
// snapshot is taken by the server that is named. They take the same way as those of the command line.

import { formatEndpoint } from '@waldb/io';
import { type AdminAnswer, type AdminContext, answerPost, failure } from '../admin/admin-routes.js';
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
  return await askOther(`http://${formatEndpoint(admin)}${PATHS[known]}`, { id }, authorization);
}

async function askOther(
  url: string,
  fields: Fields,
  authorization: string | undefined,
): Promise<AdminAnswer> {
  try {
    const response = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(authorization && { authorization }) },
      body: JSON.stringify(fields),
      redirect: 'error',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    return { status: response.status, body: await response.json() };
  } catch (error) {
    const why = error instanceof Error && error.name === 'TimeoutError' ? 'not in time' : 'not reached';
    return failure(
      504,
      'NOT_REACHED',
      `The server at ${new URL(url).host} has to do it, and did not answer: ${why}.`,
      {
        mayHaveBeenApplied: true,
      },
    );
  }
}

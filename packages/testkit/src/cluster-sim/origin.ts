// How a server comes to its cluster, and the wish that it is first started with.

import type { Members, RaftServerOptions } from '@waldb/runtime';

export type Origin =
  | { readonly type: 'bootstrap'; readonly members: Members }
  | { readonly type: 'join'; readonly members: Members; readonly cluster: string };

export function wishOf(origin: Origin): Pick<RaftServerOptions<unknown>, 'bootstrap' | 'join'> {
  const { members } = origin;
  if (origin.type === 'bootstrap') return { bootstrap: { members } };
  return { join: { members, cluster: origin.cluster } };
}

// The end of a soak: nothing is broken any more, so the cluster has to serve, to agree, and to hold what it acknowledged.

import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import {
  type AppendListInput,
  type AppendListOutput,
  appendListModel,
  checkExactlyOnce,
  checkHistory,
  type HistoryOperation,
  readHistory,
  readOperations,
} from '@waldb/testkit';
import type { SoakClient } from './client.js';
import type { Ledger } from './ledger.js';
import { NoAnswerError, RefusedError } from './server-process.js';
import type { SoakCluster } from './soak-cluster.js';

/** Generous: what is judged is whether, not when. */
const RECOVERY_MS = 60_000;
const CHECK_MS = 120_000;
const PAGE = 5000;

export interface Verdict {
  /** One sentence each; none when all is well. */
  readonly complaints: readonly string[];
  readonly linearizability: string;
}

/** Everything is started, every link is open: the cluster answers, and all members come to show the same. */
export async function recover(cluster: SoakCluster, client: SoakClient): Promise<string[]> {
  cluster.links.heal();
  for (const id of cluster.ids) {
    cluster.running(id)?.signal('SIGCONT');
    cluster.start(id);
  }
  const isServing = await cluster.waitFor(() => client.append(), RECOVERY_MS);
  if (!isServing) return ['The cluster did not serve again after the last fault.'];
  const isAgreed = await cluster.waitFor(() => isConverged(cluster), RECOVERY_MS);
  return isAgreed ? [] : [`The servers did not converge: ${await describe(cluster)}.`];
}

async function isConverged(cluster: SoakCluster): Promise<boolean> {
  const leader = await cluster.leader();
  if (leader === undefined) return false;
  const { voters, learners, commitIndex, appliedIndex } = leader.status;
  if (appliedIndex < commitIndex) return false;
  const others = await Promise.all([...voters, ...learners].map((id) => cluster.status(id)));
  return others.every((status) => status?.appliedIndex === appliedIndex);
}

async function describe(cluster: SoakCluster): Promise<string> {
  const lines = await Promise.all(
    cluster.ids.map(async (id) => `${id} ${JSON.stringify((await cluster.status(id)) ?? 'does not answer')}`),
  );
  return lines.join('; ');
}

/** Errors: `HistoryError`. */
export async function judge(cluster: SoakCluster, ledger: Ledger, historyPath: string): Promise<Verdict> {
  const leader = await cluster.leader();
  const members = leader === undefined ? [] : [...leader.status.voters, ...leader.status.learners];
  const applied = new Map<string, readonly string[]>();
  const silent: string[] = [];
  for (const id of members) {
    const found = await appliedOf(cluster, id).catch((error: unknown) => {
      if (!(error instanceof NoAnswerError || error instanceof RefusedError)) throw error;
      silent.push(`Server ${id} did not say what it has applied: ${error.message}`);
    });
    if (found !== undefined) applied.set(String(id), found);
  }
  const complaints = [...silent, ...checkExactlyOnce({ applied, ...ledger })];
  const checked = await checkLinearizable(historyPath);
  return {
    complaints: checked.complaint === undefined ? complaints : [...complaints, checked.complaint],
    linearizability: checked.summary,
  };
}

async function appliedOf(cluster: SoakCluster, id: number): Promise<string[]> {
  const applied: string[] = [];
  for (;;) {
    const page = (await cluster.ask(id, { type: 'applied', from: applied.length, count: PAGE })) as string[]; // our program
    applied.push(...page);
    if (page.length < PAGE) return applied;
  }
}

async function checkLinearizable(path: string): Promise<{ summary: string; complaint?: string }> {
  const lines = createInterface({ input: createReadStream(path) });
  // The soak's clients write nothing else.
  const operations = (await readOperations(readHistory(lines))) as HistoryOperation<
    AppendListInput,
    AppendListOutput
  >[];
  const deadline = performance.now() + CHECK_MS;
  const result = checkHistory(appendListModel(), operations, { isOver: () => performance.now() > deadline });
  switch (result.verdict) {
    case 'linearizable':
      return { summary: `${result.operations} operations on ${result.keys} keys are linearizable` };
    case 'notDecided':
      return { summary: `not decided for ${result.keys.length} keys` };
    case 'violation':
      return { summary: 'violated', complaint: result.counterexample.text };
  }
}

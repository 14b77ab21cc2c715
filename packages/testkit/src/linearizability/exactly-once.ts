// Whether every acknowledged command was applied exactly once, on every server, in one order. Looks at what the state
// machines hold in the end, so that nothing that a server says of itself is believed.

export interface AppliedLists {
  /** What each server's state machine applied, in order, by the server's name. Commands are told apart by their text. */
  readonly applied: ReadonlyMap<string, readonly string[]>;
  /** Commands whose clients were told that they were applied. */
  readonly acknowledged: ReadonlySet<string>;
  /** Commands whose clients were told that they certainly were not, and will not be. */
  readonly refused: ReadonlySet<string>;
  /** Every command that a client ever sent, in whatever way it ended. */
  readonly sent: ReadonlySet<string>;
}

const COMPLAINTS_MAX = 20;

/** What is wrong, one sentence each, the first twenty; nothing when all is well. */
export function checkExactlyOnce(lists: AppliedLists): string[] {
  const complaints = [...lists.applied].flatMap(([server, applied]) => checkServer(server, applied, lists));
  return [...complaints, ...checkAgreement(lists.applied)].slice(0, COMPLAINTS_MAX);
}

function checkServer(server: string, applied: readonly string[], lists: AppliedLists): string[] {
  const complaints: string[] = [];
  const seen = new Set<string>();
  for (const command of applied) {
    if (seen.has(command)) complaints.push(`Server ${server} applied ${command} more than once.`);
    if (!lists.sent.has(command)) complaints.push(`Server ${server} applied ${command}, which nobody sent.`);
    if (lists.refused.has(command))
      complaints.push(`Server ${server} applied ${command}, whose client was told that it was not.`);
    seen.add(command);
  }
  for (const command of lists.acknowledged) {
    if (!seen.has(command)) complaints.push(`Server ${server} lost ${command}, which was acknowledged.`);
  }
  return complaints;
}

function checkAgreement(applied: AppliedLists['applied']): string[] {
  const [first, ...others] = [...applied];
  if (first === undefined) return ['No server was looked at.'];
  const [name, wanted] = first;
  return others.flatMap(([server, found]) => {
    const length = Math.max(wanted.length, found.length);
    for (let at = 0; at < length; at++) {
      if (wanted[at] === found[at]) continue;
      return [
        `Servers ${name} and ${server} differ at ${at}: ${wanted[at] ?? 'nothing'}, ${found[at] ?? 'nothing'}.`,
      ];
    }
    return [];
  });
}

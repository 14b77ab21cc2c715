// Which word somebody may have meant.

/** At most half of the letters may differ: two that have changed places are two. */
const SHARE_MAX = 1 / 2;

/** Undefined where none is near. */
export function similarWord(word: string, known: readonly string[]): string | undefined {
  const wanted = plain(word);
  const ranked = known
    .map((one) => ({ one, distance: editDistance(wanted, plain(one)) }))
    .sort((a, b) => a.distance - b.distance);
  const [best] = ranked;
  if (best === undefined) return undefined;
  return best.distance <= plain(best.one).length * SHARE_MAX ? best.one : undefined;
}

/** `clusterName`, `cluster_name` and `cluster-name` are the same to people. */
function plain(word: string): string {
  return word.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

/** Letters to put in, take out or exchange, to make one of the other. */
function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, i) => i);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++) {
      const exchange = (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1);
      next.push(Math.min(exchange, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[to.length] ?? 0;
}

// Timing where benny's shape does not fit: work that needs preparing or cleaning up outside the clock.

/** Seconds that `work` takes. */
export async function secondsOf(work: () => unknown): Promise<number> {
  const began = process.hrtime.bigint();
  await work();
  return Number(process.hrtime.bigint() - began) / 1e9;
}

/** Runs each of `works` once per round, in turn, the order moving on by one; one number per work and round. */
export async function inTurns<Name extends string>(
  rounds: number,
  works: Readonly<Record<Name, () => Promise<number>>>,
): Promise<Record<Name, number[]>> {
  const names = Object.keys(works) as Name[]; // the keys of the record are its names
  const found = Object.fromEntries(names.map((name) => [name, []])) as unknown as Record<Name, number[]>;
  for (let round = -1; round < rounds; round++) {
    for (let i = 0; i < names.length; i++) {
      const name = names[(i + Math.max(0, round)) % names.length] as Name; // in bounds: modulo
      const figure = await works[name]();
      if (round >= 0) found[name].push(figure); // the first one warms up
    }
  }
  return found;
}

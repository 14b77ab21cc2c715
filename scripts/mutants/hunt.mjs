// Looks for a mistake: runs seeds until one of them breaks a rule. Started by run.mjs inside a copy of the sources, with
// what to do as JSON; answers with one line of JSON.

import { loadReleases } from '../sim/releases/load.mjs';
import { createHunters } from './hunters.mjs';

const { simulator, from, seeds, releases } = JSON.parse(process.argv[2]);
const hunters = await createHunters(await loadReleases(releases));
const hunt = hunters[simulator];

Error.stackTraceLimit = 0;
const began = performance.now();
let found;
let tried = 0;
for (let seed = from; seed < from + seeds && found === undefined; seed++) {
  tried += 1;
  const broken = await hunt(seed);
  if (broken !== undefined) found = { seed, rule: broken };
}
process.stdout.write(`${JSON.stringify({ found, tried, seconds: (performance.now() - began) / 1000 })}\n`);
process.exit(0); // what a broken server left behind keeps no hunt alive

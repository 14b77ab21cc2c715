// `npm run torture -- [--minutes N] [--seed S] [--only PART,…] [--dir D] [--keep]`: docs/torture.md. Prints how it goes and a
// summary; exits 1 when a promise was broken, 2 when the options make no sense.

import { parseArgs } from 'node:util';
import { againWithOwnMounts } from '../support/small-disk/private-mounts.js';
import { PARTS } from './parts.js';
import { type PartResult, runTorture } from './run-torture.js';

const HELP = `Real processes and real files under fire.

  npm run torture -- [options]

  --minutes N     how long, over all parts; default 10
  --seconds S     the same in seconds
  --seed S        which schedule; default: drawn, and printed
  --only A,B      some of the parts; default: all of them
  --dir D         where directories are made; default: the machine's temporary directory
  --keep          keep them also when nothing was wrong
  --lying-disk    disks lose what was synced: shows that the parts notice (exits 1)

Parts:
${PARTS.map(({ name, about }) => `  ${name.padEnd(15)} ${about}`).join('\n')}

A part that this machine has no means for says so and is skipped.`;

const print = (line: string): void => console.log(line);
process.exitCode = await main();

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      only: { type: 'string' },
      dir: { type: 'string' },
      keep: { type: 'boolean', default: false },
      'lying-disk': { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) {
    print(HELP);
    return 0;
  }
  const wanted = values.only?.split(',') ?? PARTS.map(({ name }) => name);
  const unknown = wanted.filter((name) => !PARTS.some((part) => part.name === name));
  const seconds = values.seconds === undefined ? Number(values.minutes ?? 10) * 60 : Number(values.seconds);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 1e9));
  if (unknown.length > 0 || !(seconds > 0) || !Number.isSafeInteger(seed)) {
    print(unknown.length > 0 ? `There is no part ${unknown.join(', ')}.\n` : 'A number is not one.\n');
    print(HELP);
    return 2;
  }
  const again = await againWithOwnMounts();
  if (again !== undefined) return again;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => stop.abort());
  const parts = PARTS.filter(({ name }) => wanted.includes(name));
  print(`torture: ${parts.map(({ name }) => name).join(', ')}; ${seconds} seconds, seed ${seed}`);
  const results = await runTorture({
    parts,
    seconds,
    seed,
    print,
    signal: stop.signal,
    isKept: values.keep,
    isDiskLying: values['lying-disk'],
    ...(values.dir === undefined ? {} : { root: values.dir }),
  });
  for (const result of results) summarise(result);
  const failed = results.filter(({ complaints }) => complaints.length > 0).map(({ name }) => name);
  if (failed.length === 0) print('all promises were kept');
  else {
    const lying = values['lying-disk'] ? ' --lying-disk' : '';
    const share = Math.round((seconds * failed.length) / parts.length);
    print(`again: npm run torture -- --seconds ${share} --seed ${seed} --only ${failed.join(',')}${lying}`);
  }
  return failed.length === 0 ? 0 : 1;
}

function summarise({ name, seconds, whySkipped, skipped, counts, complaints }: PartResult): void {
  print('');
  print(whySkipped === undefined ? `${name}, ${seconds} s` : `${name}: skipped: ${whySkipped}`);
  for (const what of skipped) print(`  skipped: ${what}`);
  for (const [what, times] of Object.entries(counts)) print(`  ${what.padEnd(30)} ${times}`);
  for (const complaint of complaints) print(`  WRONG: ${complaint}`);
}

// What the simulators' commands have in common before they begin: numbers, help, and how they leave.

import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';

/** Options of both simulators. */
const COMMON = {
  seeds: { type: 'string' },
  from: { type: 'string', default: '1' },
  minutes: { type: 'string' },
  reach: { type: 'string', default: '0' },
  jobs: { type: 'string', default: String(availableParallelism()) },
  seed: { type: 'string' },
  trace: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
};
const FRACTIONS = ['minutes', 'reach'];

/** Reads the command line; a wrong one ends the process with 2, `--help` with 0. `seedsDefault` without any limit. */
export function parse({ help, seedsDefault, more = {} }) {
  try {
    const { values } = parseArgs({ options: { ...COMMON, ...more } });
    if (values.help) leave(help, 0);
    const minutes = values.minutes === undefined ? undefined : number('minutes', values.minutes);
    const seeds = values.seeds ?? String(minutes === undefined ? seedsDefault : Number.MAX_SAFE_INTEGER);
    return {
      ...values,
      seeds: number('seeds', seeds),
      from: number('from', values.from),
      jobs: Math.max(1, number('jobs', values.jobs)),
      reach: number('reach', values.reach),
      minutes: minutes ?? Number.POSITIVE_INFINITY,
      seed: values.seed === undefined ? undefined : number('seed', values.seed),
    };
  } catch (error) {
    return leave(`${error.message}\n${help}`, 2);
  }
}

export function number(name, text) {
  const value = Number(text);
  if (text.trim() === '' || !(value >= 0) || (!FRACTIONS.includes(name) && !Number.isSafeInteger(value)))
    throw new Error(`--${name} is '${text}' but must be a number from 0`);
  return value;
}

export function leave(message, code) {
  (code === 0 ? console.log : console.error)(message);
  process.exit(code);
}

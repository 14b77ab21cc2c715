// What is run of each package in an empty project: the first example of its README, and for those whose README has none
// that ends by itself, a program of its own.

import { PROGRAMS as ON_PAGES } from '../pages/programs.js';
import type { EmptyProject } from './empty-project.js';

export interface Program {
  readonly package: string;
  /** What the example uses besides. */
  readonly besides?: readonly string[];
  /** Undefined: the first TypeScript of the README. */
  readonly text?: string;
  readonly prints: string;
}

const SIMULATION = `
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { simulate } from '@waldb/testkit';

class Total {
  #total = 0;
  apply(entries: readonly { readonly command: Uint8Array }[]): number[] {
    return entries.map(({ command }) => (this.#total += command.length));
  }
  snapshot(): AsyncIterable<Uint8Array> {
    return Readable.from([Buffer.from(String(this.#total))]);
  }
  async restore(stream: AsyncIterable<Uint8Array>): Promise<void> {
    this.#total = Number(await text(stream));
  }
}

const { counts } = await simulate({
  stateMachine: () => new Total(),
  command: (_, number) => Buffer.alloc(number % 7),
  seeds: 2,
});
console.log('runs', counts.runs);
`;

const FROM_CODE = `
import { EXIT, runCommandLine } from 'waldb';

const code = await runCommandLine(['config', '--explain', 'port', '--json'], process.argv[1] ?? '');
console.log(code === EXIT.ok);
`;

const METRICS = `
import type { MeasuredServer } from '@waldb/runtime/prometheus';
import { registerMetrics } from '@waldb/runtime/prometheus';
import { Registry } from 'prom-client';

export const register = (server: MeasuredServer) => registerMetrics(server, new Registry());
console.log(typeof register);
`;

const STORE_METRICS = `
import type { RespServer } from '@waldb/kv';
import { registerStoreMetrics } from '@waldb/kv/prometheus';
import { Registry } from 'prom-client';

export const register = (server: RespServer) => registerStoreMetrics(server, new Registry());
console.log(typeof register);
`;

export const PROGRAMS: readonly Program[] = [
  { package: '@waldb/core', prints: onPage('core') },
  { package: '@waldb/io', prints: onPage('io') },
  { package: '@waldb/certs', prints: onPage('certs') },
  { package: '@waldb/wal', prints: onPage('wal', 'four-calls') },
  { package: '@waldb/snapshot', prints: onPage('snapshot') },
  { package: '@waldb/transport', besides: ['@waldb/core', '@waldb/io'], prints: onPage('transport') },
  { package: '@waldb/runtime', prints: 'total 5\n' },
  { package: '@waldb/runtime', besides: ['prom-client'], text: METRICS, prints: 'function\n' },
  { package: '@waldb/kv', besides: ['@waldb/runtime'], prints: onPage('kv') },
  { package: '@waldb/kv', besides: ['prom-client'], text: STORE_METRICS, prints: 'function\n' },
  { package: '@waldb/testkit', text: SIMULATION, prints: 'runs 2\n' },
  { package: 'waldb', text: FROM_CODE, prints: 'true\n' },
];

/** What the first run of the example prints, as the test of the pages has it. */
function onPage(folder: string, anchor = `waldb${folder}`): string {
  const at = `packages/${folder}/README.md#${anchor}`;
  const [prints] = ON_PAGES.find((program) => program.at === at)?.prints ?? [];
  if (prints === undefined) throw new Error(`test/pages/programs.ts does not say what ${at} prints`);
  return prints;
}

/** The example as the installed README has it. */
export function exampleOf(project: EmptyProject, name: string): string {
  const [, example] = /```ts\n([\s\S]*?)```/.exec(project.read(`node_modules/${name}/README.md`)) ?? [];
  if (example === undefined) throw new Error(`the README of ${name} has no example`);
  return example;
}

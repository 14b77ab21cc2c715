// Commands that pages tell people to type, and what can be known of them without carrying them out. (That commands of
// waldb exist with their flags is checked by packages/cli/test/pages.test.ts.)

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Block, ROOT } from './markdown.js';

/** Programs that pages may tell people to use: whoever reads them has these or is told how to get them. */
const PROGRAMS = new Set([
  ...['waldb', 'npm', 'npx', 'pnpm', 'node', 'git', 'cd', 'mkdir', 'kill', 'curl', 'cp', 'rm'],
  ...['redis-cli', 'redis-benchmark', 'promtool', 'fio'],
]);

/** What npm and pnpm do by themselves. */
const OWN_WORDS = new Set(['install', 'init', 'pkg', 'add', 'exec']);

/** One in each line; a backslash at the end goes on; what stands behind two blanks and # is a comment. */
export function commandsIn({ info, text }: Block): string[] {
  const lines = text.replaceAll(/ \\\n\s*/g, ' ').split('\n');
  const typed = info === 'console' ? lines.flatMap((line) => /^\$ (.*)/.exec(line)?.[1] ?? []) : lines;
  return typed.map((line) => line.replace(/(?:^| +)# .*$/, '').trim()).filter((line) => line !== '');
}

/** What is wrong with a command; undefined where nothing is known to be. */
export function wrongCommand(command: string): string | undefined {
  const words = command.split(/ +/);
  const [program = ''] = words;
  if (program.includes('/')) {
    return existsSync(join(ROOT, program)) ? undefined : `there is no file ${program}`;
  }
  if (!PROGRAMS.has(program)) return `nobody said how to get ${program}`;
  const files = words.filter((word) => /^(?:scripts|examples|bench|packages)\/.*\.m?[jt]s$/.test(word));
  const missing = files.find((file) => !existsSync(join(ROOT, file)));
  if (missing !== undefined) return `there is no file ${missing}`;
  if (program !== 'npm' && program !== 'pnpm') return undefined;
  if (OWN_WORDS.has(words[1] ?? '')) return undefined;
  const script = words.slice(1).find((word) => word !== 'run' && !word.startsWith('-')) ?? '';
  const { scripts } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  return script in scripts ? undefined : `there is no script ${script}`;
}

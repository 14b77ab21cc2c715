// Commands that pages tell people to type, and what can be known of them without carrying them out. (That commands of
// waldb exist with their flags is checked by packages/cli/test/pages.test.ts.)

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { type Block, ROOT } from './markdown.js';

/** Programs that pages may tell people to use: whoever reads them has these or is told how to get them. */
const PROGRAMS = new Set([
  ...['waldb', 'npm', 'npx', 'pnpm', 'node', 'git', 'cd', 'mkdir', 'kill', 'curl', 'cp', 'rm'],
  ...['redis-cli', 'redis-benchmark', 'promtool', 'fio', 'java'],
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
  const words = command.replace(/^(?:[A-Z]+=\S+ )+/, '').split(/ +/);
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
  if (!(script in scripts)) return `there is no script ${script}`;
  const known = sourceOf(scripts[script]);
  const flags = words.slice(words.indexOf(script)).filter((word) => /^--\w/.test(word));
  const unknown = known === '' ? undefined : flags.find((flag) => !knows(known, flag.replace(/=.*/, '')));
  return unknown === undefined ? undefined : `${script} has no ${unknown}`;
}

/** Flags stand in a program as they are typed, or as names of options. */
function knows(source: string, flag: string): boolean {
  const name = flag.slice(2);
  return source.includes(flag) || new RegExp(`['"]?${name}['"]?: \\{ type:`).test(source) || name === 'help';
}

/** Of the program of ours that a script starts, and of the files beside it or in the folder of its name; '' of others'. */
function sourceOf(script: string): string {
  const entry = script.split(' ').findLast((word) => /^(?:scripts|bench|test)\/.*\.m?[jt]s$/.test(word));
  if (entry === undefined) return '';
  const folder = entry.startsWith('scripts/') ? entry.slice(0, -extname(entry).length) : dirname(entry);
  const beside = existsSync(join(ROOT, folder)) ? readdirSync(join(ROOT, folder)) : [];
  const files = [...beside.map((name) => join(folder, name)), join(dirname(entry), basename(entry))];
  return files
    .filter((file) => /\.m?[jt]s$/.test(file))
    .map((file) => readFileSync(join(ROOT, file), 'utf8'))
    .join('\n');
}

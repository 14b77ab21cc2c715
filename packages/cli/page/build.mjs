// Builds the dashboard's page into packages/cli/dist/page: one script, one style sheet, and the files that are taken as
// they are. `node packages/cli/page/build.mjs`; with `--if-stale` only where a source is newer than what is there.
// Prints nothing unless something is wrong, or `--sizes` asks for it.

import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';

const PAGE = import.meta.dirname;
const OUT = join(PAGE, '../dist/page');
const COPIED = ['index.html', 'favicon.svg'];
/** What the page is made of, besides these files: its license goes with it. */
const UPLOT = join(dirname(createRequire(import.meta.url).resolve('uplot')), '..');
/** The browsers of the last years; what they lack is not used. */
const TARGET = ['chrome111', 'firefox113', 'safari16.4'];

if (!process.argv.includes('--if-stale') || isStale()) await make();

async function make() {
  mkdirSync(OUT, { recursive: true });
  const options = { bundle: true, minify: true, target: TARGET, logLevel: 'warning', legalComments: 'none' };
  await build({
    ...options,
    entryPoints: [join(PAGE, 'src/main.ts')],
    outfile: join(OUT, 'dashboard.js'),
    format: 'iife',
    charset: 'utf8',
  });
  await build({
    ...options,
    entryPoints: [join(PAGE, 'dashboard.css')],
    outfile: join(OUT, 'dashboard.css'),
  });
  const license = readFileSync(join(UPLOT, 'LICENSE'), 'utf8');
  writeFileSync(
    join(OUT, 'licenses.txt'),
    `This page contains uPlot, https://github.com/leeoniya/uPlot:\n\n${license}`,
  );
  // Last, so that what is there is whole where the page itself is.
  for (const name of COPIED) copyFileSync(join(PAGE, name), join(OUT, name));
  if (!process.argv.includes('--sizes')) return;
  for (const name of readdirSync(OUT)) {
    const bytes = readFileSync(join(OUT, name));
    console.log(`${name}  ${bytes.length} B, ${gzipSync(bytes).length} B gzipped`);
  }
}

function isStale() {
  const made = join(OUT, 'favicon.svg');
  if (!existsSync(made)) return true;
  const since = statSync(join(OUT, 'dashboard.js')).mtimeMs;
  const sources = readdirSync(PAGE, { recursive: true }).map((name) => join(PAGE, name));
  const shared = join(PAGE, '../src/dashboard/report.ts');
  return [...sources, shared].some((file) => statSync(file).mtimeMs > since);
}

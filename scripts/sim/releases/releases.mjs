// Releases that do not exist yet: these sources, with the changes that a later release would make to every format, so that
// the simulator can upgrade clusters, and so that what version 1 promises its successors (docs/upgrades.md) is tested while it can
// still be mended. Each is compiled to one file, beside which the sources themselves are release 1.

import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { changedFiles } from '../../mutants/apply.mjs';
import { compile } from '../compile.mjs';
import { RELEASE_2 } from './release-2.mjs';
import { RELEASE_3 } from './release-3.mjs';
import { IO } from './shared-io.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Each builds on the one before. */
export const LATER_RELEASES = [
  { name: 'release 2', edits: RELEASE_2 },
  { name: 'release 3', edits: [...RELEASE_2, ...RELEASE_3] },
];

/**
 * Resolves with `files`, from which any process can load the releases (load.mjs), and a function that takes them away. `root` is where the
 * sources are.
 */
export async function compileReleases(root = ROOT) {
  const compiled = await Promise.all(LATER_RELEASES.map((release) => compileRelease(release, root)));
  return {
    files: compiled.map(({ name, path }) => ({ name, path })),
    remove: () => {
      for (const { remove } of compiled) remove();
    },
  };
}

async function compileRelease({ name, edits }, root) {
  const compiled = await compile(join(root, 'packages', 'runtime', 'src', 'index.ts'), {
    name: `${name.replace(' ', '-')}.mjs`,
    root,
    changed: changedFiles({ name, edits }, root),
    given: { '@waldb/io': IO },
  });
  return { name, ...compiled };
}

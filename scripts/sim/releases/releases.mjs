// Releases that do not exist yet: these sources, with the changes that a later release would make to every format, so that
// the simulator can upgrade clusters, and so that what version 1 promises its successors (docs/upgrades.md) is tested while it can
// still be mended. Each is compiled to one file, beside which the sources themselves are release 1.

import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import * as io from '../../../packages/io/src/index.ts';
import { changedFiles } from '../../mutants/apply.mjs';
import { compile } from '../compile.mjs';
import { RELEASE_2 } from './release-2.mjs';
import { RELEASE_3 } from './release-3.mjs';

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Each builds on the one before. */
export const LATER_RELEASES = [
  { name: 'release 2', edits: RELEASE_2 },
  { name: 'release 3', edits: [...RELEASE_2, ...RELEASE_3] },
];

/** Resolves with where the compiled releases are, which another process may `load`, and a function that takes them away. */
export async function compileReleases() {
  const compiled = await Promise.all(
    LATER_RELEASES.map(async ({ name, edits }, nth) => {
      const { path, remove } = await compile(join(ROOT, 'packages', 'runtime', 'src', 'index.ts'), {
        name: `release-${nth + 2}.mjs`,
        changed: changedFiles({ name, edits }, ROOT),
        given: { '@waldb/io': IO },
      });
      return { name, path, remove };
    }),
  );
  return {
    files: compiled.map(({ name, path }) => ({ name, path })),
    remove: () => {
      for (const { remove } of compiled) remove();
    },
  };
}

/**
 * The releases as `ClusterRunOptions.releases` wants them. They share the caller's own `@waldb/io`: what a simulated disk and network throw
 * must be of the classes that a server knows.
 */
export async function loadReleases(files, ownIo = io) {
  globalThis[IO] = ownIo;
  return Promise.all(
    files.map(async ({ name, path }) => {
      const { RaftServer } = await import(pathToFileURL(path).href);
      return { name, start: (options) => RaftServer.start(options) };
    }),
  );
}

const IO = '__waldbIo';

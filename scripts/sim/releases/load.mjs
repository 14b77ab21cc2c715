// Takes compiled releases into this process (see releases.mjs).

import { pathToFileURL } from 'node:url';
import * as io from '../../../packages/io/src/index.ts';
import { IO } from './shared-io.mjs';

/**
 * As `ClusterRunOptions.releases` wants them, from the `files` of `compileReleases`. They share this process's own `@waldb/io`: what a
 * simulated disk or network throws must be of the classes that a server knows.
 */
export async function loadReleases(files) {
  globalThis[IO] = io;
  return Promise.all(
    files.map(async ({ name, path }) => {
      const { RaftServer } = await import(pathToFileURL(path).href);
      return { name, start: (options) => RaftServer.start(options) };
    }),
  );
}

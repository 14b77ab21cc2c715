// Makes one file of JavaScript of a worker and all the sources that it loads. Running TypeScript through a loader names every
// function anew each time it is made, which takes a tenth of a simulated run; and thousands of runs follow.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/**
 * Resolves with the compiled file's path, and a function that takes it away. `@waldb` packages are those that the script's own
 * place leads to, as sources.
 */
export async function compile(script) {
  const directory = mkdtempSync(join(tmpdir(), 'waldb-sim-'));
  const path = join(directory, basename(script));
  const remove = () => rmSync(directory, { recursive: true, force: true });
  try {
    await build({
      entryPoints: [script],
      outfile: path,
      bundle: true,
      platform: 'node',
      format: 'esm',
      target: 'node20',
      conditions: ['@waldb/source'],
      logLevel: 'error',
      plugins: [ownPlace],
    });
  } catch (error) {
    remove();
    throw error;
  }
  return { path, remove };
}

/** What a source loads from where it is (a compiled lock, a package of its own) is looked for there, not where the copy runs. */
const ownPlace = {
  name: 'own-place',
  setup({ onLoad }) {
    onLoad({ filter: /\/packages\/[^/]+\/src\/.*\.ts$/ }, ({ path }) => ({
      contents: readFileSync(path, 'utf8').replaceAll(
        'import.meta.url',
        JSON.stringify(pathToFileURL(path).href),
      ),
      loader: 'ts',
    }));
  },
};

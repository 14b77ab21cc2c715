// Makes one file of JavaScript of a worker and all the sources that it loads. Running TypeScript through a loader names every
// function anew each time it is made, which takes a tenth of a simulated run; and thousands of runs follow.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { build } from 'esbuild';

/**
 * Resolves with the compiled file's path, and a function that takes it away. `@waldb` packages are those that the script's own
 * place leads to, as sources. `changed` has other texts for some of the sources, by path from `root`; `given` names modules that are not
 * compiled in: the compiled file finds them in the global that it says.
 */
export async function compile(
  script,
  { name = basename(script), root = '', changed = new Map(), given = {} } = {},
) {
  const directory = mkdtempSync(join(tmpdir(), 'waldb-sim-'));
  const path = join(directory, name);
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
      plugins: [fromGlobals(given), ownPlace(root, changed)],
    });
  } catch (error) {
    remove();
    throw error;
  }
  return { path, remove };
}

/** What a source loads from where it is (a compiled lock, a package of its own) is looked for there, not where the copy runs. */
function ownPlace(root, changed) {
  return {
    name: 'own-place',
    setup({ onLoad }) {
      onLoad({ filter: /\/packages\/[^/]+\/src\/.*\.ts$/ }, ({ path }) => {
        const text = changed.get(relative(root, path).split(sep).join('/')) ?? readFileSync(path, 'utf8');
        const contents = text.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(path).href));
        return { contents, loader: 'ts' };
      });
    },
  };
}

function fromGlobals(given) {
  return {
    name: 'given',
    setup({ onResolve, onLoad }) {
      onResolve({ filter: /.*/ }, ({ path }) => (path in given ? { path, namespace: 'given' } : undefined));
      onLoad({ filter: /.*/, namespace: 'given' }, ({ path }) => ({
        contents: `module.exports = globalThis[${JSON.stringify(given[path])}];`,
        loader: 'js',
      }));
    },
  };
}

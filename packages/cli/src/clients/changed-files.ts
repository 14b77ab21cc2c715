// Tells when files have changed and then rested, so that what a server has read of them can be replaced while it runs.

import { statSync } from 'node:fs';

/** How often to look. */
const LOOK_MS = 1000;

/** Calls `onChange` whenever any of them is another one and a whole look has found nothing new. Returns what ends it. */
export function whenFilesChange(paths: readonly string[], onChange: () => void): () => void {
  let known = fingerprint(paths);
  let seen = known;
  const timer = setInterval(() => {
    const found = fingerprint(paths);
    // Files are replaced one after the other.
    const hasRested = found === seen;
    seen = found;
    if (!hasRested || found === known) return;
    known = found; // a bad set is told once, and tried again when it has changed again
    onChange();
  }, LOOK_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Another one when any file is another. */
function fingerprint(paths: readonly string[]): string {
  return paths
    .map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
      return stat === undefined ? 'none' : `${stat.ino} ${stat.size} ${stat.mtimeNs}`;
    })
    .join(', ');
}

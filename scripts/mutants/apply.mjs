// Applies a mutant to sources. Refuses one that does not fit exactly once: a mutant that changes nothing would be "not
// found", and look like a hole in the simulator.

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** The changed files of a mutant, by path from `root`. Errors: an `Error` that says which text does not occur once. */
export function changedFiles(mutant, root) {
  const changed = new Map();
  for (const { file, from, to } of mutant.edits) {
    const text = changed.get(file) ?? readFileSync(join(root, file), 'utf8');
    const parts = text.split(from);
    if (parts.length !== 2) {
      throw new Error(
        `mutant ${mutant.name}: its text occurs ${parts.length - 1} times in ${file}, not once:\n${from}`,
      );
    }
    changed.set(file, parts.join(to));
  }
  return changed;
}

/** Makes `root` the mutant; returns what makes it what it was. */
export function apply(mutant, root) {
  const originals = new Map();
  for (const [file, text] of changedFiles(mutant, root)) {
    originals.set(file, readFileSync(join(root, file), 'utf8'));
    writeFileSync(join(root, file), text);
  }
  return () => {
    for (const [file, text] of originals) writeFileSync(join(root, file), text);
  };
}

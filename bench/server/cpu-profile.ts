// Adds up what V8's CPU profiler has seen: self time by function, and by the part of the system that it belongs to. Time
// in which the thread had nothing to do does not count.

/** As the inspector's `Profiler.stop` gives it. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  }[];
  /** Ids of nodes. */
  readonly samples: readonly number[];
  /** Microseconds before each sample. */
  readonly timeDeltas: readonly number[];
}

/** Waiting, and the profiler's own start and stop. With and without the group's word before it. */
const NOT_WORK = new Set(['(idle)', 'native: (idle)', 'dispatch', 'native: dispatch']);

export interface Share {
  readonly name: string;
  readonly microseconds: number;
  /** Of the time in which the thread did anything. */
  readonly share: number;
}

export function topFunctions(profile: CpuProfile): Share[] {
  return addUp(profile, ({ functionName, url, lineNumber }) => {
    const name = functionName || '(anonymous)';
    return url === '' ? name : `${name}  ${shortened(url)}:${lineNumber + 1}`;
  });
}

/** By package, Node's own parts by module, natives by name. */
export function groups(profile: CpuProfile): Share[] {
  return addUp(profile, ({ functionName, url }) => {
    const ours = /packages\/(\w+)\//.exec(url);
    if (ours !== null) return `@waldb/${ours[1]}`;
    const theirs = /node_modules\/(?!\.pnpm)((?:@[^/]+\/)?[^/]+)/.exec(url);
    if (theirs?.[1] !== undefined) return theirs[1];
    if (url.startsWith('node:'))
      return `Node: ${url.slice('node:'.length).replace('internal/', '').split('/')[0]}`;
    return url === '' ? `native: ${functionName}` : 'the benchmark';
  });
}

function addUp(
  profile: CpuProfile,
  nameOf: (frame: CpuProfile['nodes'][number]['callFrame']) => string,
): Share[] {
  const names = new Map(profile.nodes.map(({ id, callFrame }) => [id, nameOf(callFrame)]));
  const times = new Map<string, number>();
  let total = 0;
  profile.samples.forEach((id, i) => {
    const name = names.get(id) ?? 'unknown';
    if (NOT_WORK.has(name)) return;
    const microseconds = profile.timeDeltas[i] ?? 0;
    total += microseconds;
    times.set(name, (times.get(name) ?? 0) + microseconds);
  });
  return [...times]
    .map(([name, microseconds]) => ({ name, microseconds, share: microseconds / total }))
    .sort((a, b) => b.microseconds - a.microseconds);
}

function shortened(url: string): string {
  return url.split('/').slice(-3).join('/');
}

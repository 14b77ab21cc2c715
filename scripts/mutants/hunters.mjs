// The simulators, each as a function from a seed to the rule that it breaks, or nothing.

export async function createHunters() {
  const { checkClusterSeed, makeRaftNode, runSeed } = await import('../../packages/testkit/src/index.ts');
  // A promise that was rejected and forgotten would have ended a server's process.
  let stray = false;
  process.on('unhandledRejection', () => {
    stray = true;
  });
  return {
    /** The consensus core alone, over a simulated log. */
    protocol: (seed) => runSeed(seed, { makeNode: makeRaftNode }).violation?.invariant,
    /** Whole servers, under every check. */
    servers: async (seed) => {
      stray = false;
      const { violation } = await checkClusterSeed(seed);
      return violation?.invariant ?? (stray ? 'no-unexpected-error' : undefined);
    },
  };
}

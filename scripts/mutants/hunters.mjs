// The simulators, each as a function from a seed to the rule that it breaks, or nothing.

export async function createHunters() {
  const testkit = await import('../../packages/testkit/src/index.ts');
  return {
    /** The consensus core alone, over a simulated log. */
    protocol: (seed) => testkit.runSeed(seed, { makeNode: testkit.makeRaftNode }).violation?.invariant,
    /** Whole servers. */
    servers: async (seed) => (await testkit.checkClusterSeed(seed)).violation?.invariant,
  };
}

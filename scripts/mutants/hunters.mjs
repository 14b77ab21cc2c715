// The simulators, each as a function from a seed to the rule that it breaks, or nothing.

export async function createHunters(releases) {
  const testkit = await import('../../packages/testkit/src/index.ts');
  // A promise that was rejected and forgotten would have ended a server's process.
  let stray = false;
  process.on('unhandledRejection', () => {
    stray = true;
  });
  return {
    /** The consensus core alone, over a simulated log; its trace is compared with the specification, too. */
    protocol: (seed) => {
      const validator = new testkit.TraceValidator();
      let illegal;
      const makeNode = testkit.makeTracedNode(({ event }) => {
        try {
          validator.accept(event);
        } catch (error) {
          illegal ??= `trace: ${error.rule}`;
          throw error;
        }
      });
      const { violation } = testkit.runSeed(seed, { makeNode });
      return illegal ?? violation?.invariant;
    },
    /** Whole servers, under every check. */
    servers: async (seed) => {
      stray = false;
      const { violation } = await testkit.checkClusterSeed(seed, { releases });
      return violation?.invariant ?? (stray ? 'no-unexpected-error' : undefined);
    },
  };
}

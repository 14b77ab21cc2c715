// What a worker of explore.mjs does. It is compiled with all that it loads: nothing of the explorer itself belongs here.

/** A worker: answers each range of seeds with what `runBatch` makes of it. Ends when nobody asks any more. */
export function work(runBatch) {
  // Thousands of refused requests are errors whose stack nobody reads; a failing seed is run again with stacks.
  Error.stackTraceLimit = 0;
  process.on('message', async (range) => process.send(await runBatch(range)));
  process.on('disconnect', () => process.exit(0)); // what a failing run left behind keeps nobody alive
}

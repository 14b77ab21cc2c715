// Many seeds over worker processes: hands out small ranges, gathers what comes back, shows how far it is, and stops early
// when enough seeds have failed. Knows nothing of what is simulated.

import { fork } from 'node:child_process';
import { leave } from './command-line.mjs';
import { compile } from './compile.mjs';

/** Failing seeds after which a run ends early: more of the same would tell nothing new. */
const FAILURES_MAX = 5;
const PROGRESS_MS = process.stderr.isTTY ? 500 : 10_000;

/**
 * `worker` is the script of a worker (see work.mjs), started for each job; `chunk` is the number of seeds that a worker takes at a
 * time, each with what `task` says besides; `onReport` takes what came back for them. Resolves with the failures, and how long it took.
 */
export async function explore({ worker: script, seeds, from, jobs, minutes, chunk, task = {}, onReport }) {
  const compiled = await compile(script);
  process.once('exit', compiled.remove);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => process.exit(130));
  const began = Date.now();
  const deadline = began + minutes * 60_000;
  const failures = [];
  const state = { next: from, end: from + seeds, done: 0, running: 0 };
  const isOver = () => state.next >= state.end || Date.now() >= deadline || failures.length >= FAILURES_MAX;
  const give = (worker) => {
    if (isOver()) return worker.disconnect();
    const count = Math.min(chunk, state.end - state.next);
    worker.send({ from: state.next, count, ...task });
    state.next += count;
  };
  const progress = setInterval(() => {
    const perSecond = (1000 * state.done) / Math.max(1, Date.now() - began);
    const line = `${state.done} seeds, ${perSecond.toFixed(perSecond < 10 ? 1 : 0)}/s, ${failures.length} failures`;
    process.stderr.write(process.stderr.isTTY ? `\r${line} ` : `${line}\n`);
  }, PROGRESS_MS);
  return new Promise((resolve) => {
    const finish = () => {
      clearInterval(progress);
      if (process.stderr.isTTY) process.stderr.write('\r');
      failures.sort((a, b) => a.seed - b.seed);
      resolve({ failures, seconds: (Date.now() - began) / 1000 });
    };
    for (let job = 0; job < Math.min(jobs, Math.ceil(seeds / chunk)); job++) {
      const worker = fork(compiled.path, { execArgv: [] });
      state.running += 1;
      worker.on('message', (report) => {
        state.done += report.count;
        failures.push(...report.failures);
        onReport(report);
        give(worker);
      });
      worker.on('exit', (code) => {
        if (code !== 0) leave(`a worker died with code ${code}`, 1);
        state.running -= 1;
        if (state.running === 0) finish();
      });
      give(worker);
    }
    if (state.running === 0) finish();
  });
}

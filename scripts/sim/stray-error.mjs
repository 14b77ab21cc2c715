// The first error of a run that nobody handled; there is one run at a time in a process.

let stray;

/** From now on such errors are kept, and end nothing. */
export function keepStrayErrors() {
  for (const event of ['unhandledRejection', 'uncaughtException']) {
    process.on(event, (error) => {
      stray ??= error ?? new Error(`${event} of nothing`);
    });
  }
}

/** The first one since this was last asked. */
export function takeStrayError() {
  const taken = stray;
  stray = undefined;
  return taken;
}

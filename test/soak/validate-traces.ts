// The protocol traces of a soak's servers, all lives of each in one file: brought into a causal order, every line must be
// an action of the Raft specification (docs/trace-format.md).

import { createReadStream, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { mergeTraces, readTrace, TraceValidator, TraceViolation } from '@waldb/testkit';

/** How many lines follow the specification, and what the first one says that does not. */
export async function validateTraces(
  directory: string,
): Promise<{ readonly lines: number; readonly complaint: string | undefined }> {
  const files = await Promise.all(
    readdirSync(directory).map((name) =>
      readTrace(createInterface({ input: createReadStream(join(directory, name)) })),
    ),
  );
  const validator = new TraceValidator();
  try {
    for (const { event } of mergeTraces(files)) validator.accept(event);
    return { lines: validator.lines, complaint: undefined };
  } catch (error) {
    if (!(error instanceof TraceViolation)) throw error;
    const complaint = `The protocol traces do not follow the specification: ${error.message}`;
    return { lines: validator.lines, complaint };
  }
}

// Finds out whether ports are free before anything is written: a first start that fails at its port must not leave a
// directory behind that belongs to that port for good.

import { type Endpoint, NodeNetwork } from '@waldb/io';
import { EXIT, ExitError } from './exit.js';

/** Errors: `ExitError` (refused), naming the address and why it cannot be used. */
export async function checkPorts(endpoints: readonly Endpoint[]): Promise<void> {
  const network = new NodeNetwork();
  for (const endpoint of endpoints) {
    try {
      const listener = await network.listen(endpoint, (stream) => {
        stream.destroy();
        return { onData: () => undefined, onDrain: () => undefined, onClose: () => undefined };
      });
      await listener.close();
    } catch (error) {
      // Its message names the address and says why.
      const message = error instanceof Error ? error.message : String(error);
      throw new ExitError(EXIT.refused, message, { cause: error });
    }
  }
}

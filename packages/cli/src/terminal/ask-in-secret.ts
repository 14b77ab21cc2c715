// Asks for something that must not be seen on the terminal.

import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';

/** What was typed; empty when the terminal was closed, or the question interrupted. The question goes to stderr. */
export async function askInSecret(question: string): Promise<string> {
  const silence = new Writable({ write: (_chunk, _encoding, done) => done() });
  const terminal = createInterface({ input: process.stdin, output: silence, terminal: true });
  process.stderr.write(question);
  terminal.on('SIGINT', () => terminal.close());
  try {
    return await new Promise<string>((resolve) => {
      terminal.once('line', resolve);
      terminal.once('close', () => resolve(''));
    });
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}

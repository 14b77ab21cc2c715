// Where `waldb certs create` puts what a server needs, and where `waldb cluster` looks for it.

import { join } from 'node:path';
import type { TlsFiles } from '../tls-files.js';

export function certificatePaths(directory: string, id: number): TlsFiles {
  return {
    ca: join(directory, 'ca.crt'),
    cert: join(directory, `node-${id}.crt`),
    key: join(directory, `node-${id}.key`),
  };
}

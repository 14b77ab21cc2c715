// `--server`, which every command that asks a running cluster takes.

import { Option } from 'commander';
import { parseAddress } from '../option-values.js';

/** Where `waldb cluster` has the first server's admin port, and the documentation every first one's. */
const DEFAULT_SERVERS: readonly string[] = ['127.0.0.1:7301'];

export function serverOption(): Option {
  return new Option('--server <address>', 'admin address of any member; more than one may be named')
    .argParser(collect)
    .default(DEFAULT_SERVERS, DEFAULT_SERVERS.join());
}

/** What is named first takes the place of the default. */
function collect(text: string, before: readonly string[]): readonly string[] {
  parseAddress(text);
  return before === DEFAULT_SERVERS ? [text] : [...before, text];
}

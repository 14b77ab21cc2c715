// Whether a user of a file could be used, without a server to try it on.

import { COMMANDS } from '../command/command-table.js';
import { makeUser, type UserOptions } from './users.js';

/** Errors: `KvError` (`OPTIONS_INVALID`), as `RespServer.start` has them; `detail.why` says of the user what is wrong. */
export function validateUser(options: UserOptions): void {
  makeUser(options, COMMANDS.values());
}

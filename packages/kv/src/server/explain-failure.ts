// What a client is told when its command could not be carried out. The words decide what client libraries do next:
//
//   MOVED         "ask there": followed at once by cluster clients. Only when nothing was done here.
//   CLUSTERDOWN   "try again later": cluster clients do so by themselves. Only when nothing was done here.
//   UNCERTAIN     the command may have been carried out or may still be: no client repeats it by itself, which could
//                 carry it out twice
//   BUSY          nothing was done; a limit is reached

import { RuntimeError } from '@waldb/runtime';
import { ErrorReply } from '../resp/reply.js';
import { redirect } from './redirect.js';
import type { ClusterState } from './replica.js';

export interface FailedOperation {
  readonly isWrite: boolean;
  readonly key: string | undefined;
}

export function explainFailure(error: unknown, failed: FailedOperation, cluster: ClusterState): ErrorReply {
  if (!(error instanceof RuntimeError)) {
    return new ErrorReply(`ERR internal error: ${error instanceof Error ? error.message : String(error)}`);
  }
  // A read has done nothing, whatever became of the entry that carried it.
  if (error.mayHaveBeenApplied && failed.isWrite) {
    return new ErrorReply(`UNCERTAIN the command may or may not have been carried out: ${error.message}`);
  }
  switch (error.code) {
    case 'NOT_LEADER':
    case 'LEADERSHIP_LOST':
      return redirect(failed.key, cluster);
    case 'BUSY':
      return new ErrorReply(`BUSY nothing was done: ${error.message}`);
    case 'STORAGE_FULL':
      return new ErrorReply(`MISCONF nothing was done: ${error.message}`);
    case 'TOO_LARGE':
      return new ErrorReply(`ERR ${error.message}`);
    default:
      return new ErrorReply(`CLUSTERDOWN nothing was done: ${error.message}`);
  }
}

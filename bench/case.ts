// What a case is given and what it gives back.

import type { CaseResult } from './harness/result.js';
import type { RoundOptions } from './harness/rounds.js';
import type { WorkDirectory } from './harness/work-directory.js';

export interface CaseContext extends RoundOptions {
  readonly work: WorkDirectory;
  /** Smaller data, so that everything is over soon; figures of size are then not comparable. */
  readonly isQuick: boolean;
  /** Whether other stores are installed and wanted. */
  readonly withPeers: boolean;
}

export interface BenchCase {
  readonly name: string;
  readonly title: string;
  run(context: CaseContext): Promise<Omit<CaseResult, 'name' | 'title'>>;
}

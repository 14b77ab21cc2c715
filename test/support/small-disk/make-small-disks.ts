// Small disks as far as this machine lets us have them.

import { SeededRandom } from '@waldb/testkit';
import { presentMounts } from './private-mounts.js';
import { SmallDisk } from './small-disk.js';

export type SmallDisks = { readonly type: 'missing'; readonly why: string } | PresentSmallDisks;

export interface PresentSmallDisks {
  readonly type: 'present';
  readonly make: (directory: string) => SmallDisk;
  /** Why they cannot lose power, where they cannot. */
  readonly whyNoPowerLoss: string | undefined;
}

/** Each of so many bytes. */
export function makeSmallDisks(bytes: number, seed: number): SmallDisks {
  const { mayMount, mayBeExt4, why } = presentMounts();
  if (!mayMount) return { type: 'missing', why };
  const random = new SeededRandom(seed);
  return {
    type: 'present',
    make: (directory) => new SmallDisk(directory, { bytes, mayBeExt4, random }),
    whyNoPowerLoss: mayBeExt4 ? undefined : why,
  };
}

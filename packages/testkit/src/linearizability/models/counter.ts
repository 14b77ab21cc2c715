// A counter from 0: an addition answers with the new count, so that one applied twice, or never, is seen at once.

import type { SequentialModel } from '../sequential-model.js';

export type CounterInput = { readonly type: 'read' } | { readonly type: 'add'; readonly amount: number };

export const counterModel: SequentialModel<number, CounterInput, number> = {
  init: () => 0,
  step: (count, input) => {
    const next = input.type === 'add' ? count + input.amount : count;
    return { state: next, allows: (output) => output === next };
  },
  identify: (count) => count,
  isReadOnly: (input) => input.type === 'read',
  describeState: String,
  describe: (input, output) => {
    const told = output === undefined ? '' : ` -> ${output}`;
    return input.type === 'read' ? `read${told}` : `add ${input.amount}${told}`;
  },
};

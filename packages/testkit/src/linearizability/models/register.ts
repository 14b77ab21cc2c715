// A register: read, write, compare and set. Null until it is written.

import type { SequentialModel, Step } from '../sequential-model.js';

export type RegisterValue = string | number | null;

export type RegisterInput =
  | { readonly type: 'read' }
  | { readonly type: 'write'; readonly value: RegisterValue }
  | { readonly type: 'compareAndSet'; readonly from: RegisterValue; readonly to: RegisterValue };

/** What was read; whether it was set; null for a write. */
export type RegisterOutput = RegisterValue | boolean;

export const registerModel: SequentialModel<RegisterValue, RegisterInput, RegisterOutput> = {
  init: () => null,
  step,
  identify: (state) => JSON.stringify(state),
  isReadOnly: (input) => input.type === 'read',
  describeState: (state) => JSON.stringify(state),
  describe: (input, output) => {
    const told = output === undefined ? '' : ` -> ${JSON.stringify(output)}`;
    if (input.type === 'read') return `read${told}`;
    if (input.type === 'write') return `write ${JSON.stringify(input.value)}`;
    return `set ${JSON.stringify(input.from)} to ${JSON.stringify(input.to)}${told}`;
  },
};

function step(state: RegisterValue, input: RegisterInput): Step<RegisterValue, RegisterOutput> {
  switch (input.type) {
    case 'read':
      return { state, allows: (output) => output === state };
    case 'write':
      return { state: input.value, allows: () => true };
    case 'compareAndSet': {
      const isSet = state === input.from;
      return { state: isSet ? input.to : state, allows: (output) => output === isSet };
    }
  }
}

// Histories of an object that is right: clients overlap, and each operation takes effect at one moment between its
// invocation and its return. Some clients never hear what became of theirs.

import type { HistoryOperation, SeededRandom, SequentialModel } from '@waldb/testkit';

export interface RunShape<Input> {
  readonly operations: number;
  readonly clients: number;
  readonly keys: number;
  /** How often a client does not hear the outcome; half of these take effect, some long after. */
  readonly unknown: number;
  readonly input: (random: SeededRandom, number: number) => Input;
}

interface Pending<Input> {
  readonly process: string;
  readonly key: string;
  readonly input: Input;
  readonly invokedAt: number;
  readonly isUnknown: boolean;
  hasEffect: boolean;
  output: unknown;
}

/** `outputOf` gives the answer of the model's object to an input in a state, and the next state. */
export function concurrentRun<State, Input, Output>(
  random: SeededRandom,
  model: SequentialModel<State, Input, Output>,
  outputOf: (before: State, after: State, input: Input) => Output,
  shape: RunShape<Input>,
): HistoryOperation<Input, Output>[] {
  const states = new Map<string, State>();
  const busy = new Map<number, Pending<Input>>();
  /** Their clients have gone, and they may yet take effect. */
  const lingering: Pending<Input>[] = [];
  const done: HistoryOperation<Input, Output>[] = [];
  let begun = 0;
  let lives = 0;
  const takeEffect = (pending: Pending<Input>): void => {
    const before = states.get(pending.key) ?? model.init();
    const after = model.step(before, pending.input).state;
    pending.output = outputOf(before, after, pending.input);
    pending.hasEffect = true;
    states.set(pending.key, after);
  };
  const end = (client: number, pending: Pending<Input>, time: number): void => {
    busy.delete(client);
    const { process, key, input, invokedAt } = pending;
    if (pending.isUnknown && !pending.hasEffect && random.chance(0.5)) lingering.push(pending);
    const output = pending.isUnknown ? undefined : (pending.output as Output); // set when it took effect
    const completedAt = pending.isUnknown ? undefined : time;
    done.push({ process, key, input, output, invokedAt, completedAt });
  };
  for (let time = 0; begun < shape.operations || busy.size > 0; time++) {
    if (lingering.length > 0 && random.chance(0.02)) {
      const [pending] = lingering.splice(random.below(lingering.length), 1);
      if (pending !== undefined) takeEffect(pending);
    }
    const client = random.below(shape.clients);
    const pending = busy.get(client);
    if (pending === undefined) {
      if (begun >= shape.operations) continue;
      begun += 1;
      lives += 1;
      busy.set(client, {
        process: `${client}.${lives}`,
        key: `k${random.below(shape.keys)}`,
        input: shape.input(random, begun),
        invokedAt: time,
        isUnknown: random.chance(shape.unknown),
        hasEffect: false,
        output: undefined,
      });
    } else if (pending.hasEffect || (pending.isUnknown && random.chance(0.5))) {
      end(client, pending, time);
    } else {
      takeEffect(pending);
    }
  }
  return done;
}

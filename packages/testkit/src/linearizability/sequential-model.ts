// What an object is when nobody uses it at the same time: the specification that concurrent histories are held against.

/** What one operation does in one state. */
export interface Step<State, Output> {
  readonly state: State;
  /** Whether a client may have been told this. */
  readonly allows: (output: Output) => boolean;
}

/** A deterministic object. States are values: `step` never changes the one that it is given. */
export interface SequentialModel<State, Input, Output> {
  readonly init: () => State;
  readonly step: (state: State, input: Input) => Step<State, Output>;
  /** The same for equal states and different for different ones: a checksum that can collide would hide violations. */
  readonly identify: (state: State) => string | number;
  /** Whether the operation leaves every state as it is. Such operations can be left out of a counterexample. */
  readonly isReadOnly: (input: Input) => boolean;
  readonly describeState: (state: State) => string;
  /** In a few words; `output` is absent while nothing is known of it. */
  readonly describe: (input: Input, output?: Output) => string;
}

/** Makes a model for one check, of whatever states and words: see `anyModel`. */
export type AnyModel = () => SequentialModel<unknown, unknown, unknown>;

/** A model for a history whose words are its own, which only whoever chose both can know. */
export function anyModel<State, Input, Output>(make: () => SequentialModel<State, Input, Output>): AnyModel {
  // States come from the model itself, and words from the caller, who says by this call that they are the model's.
  return make as unknown as AnyModel;
}

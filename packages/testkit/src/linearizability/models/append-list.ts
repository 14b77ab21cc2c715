// A list that only grows: an append answers with the new length, a read with the whole list. Of all objects this one
// shows most: every read tells the order of everything before it.

import type { SequentialModel } from '../sequential-model.js';

export type AppendListInput = { readonly type: 'read' } | { readonly type: 'append'; readonly item: string };

export type AppendListOutput = number | readonly string[];

/** A list by its last item. Equal lists are the same object, so comparing two of them costs nothing. */
export interface ListState {
  readonly number: number;
  readonly length: number;
  readonly before: ListState | undefined;
  readonly item: string;
  readonly longer: Map<string, ListState>;
}

const SHOWN_ITEMS = 8;

/** The lists that one check has met are kept as long as the model is: make one for each check. */
export function appendListModel(): SequentialModel<ListState, AppendListInput, AppendListOutput> {
  return new AppendListModel();
}

class AppendListModel implements SequentialModel<ListState, AppendListInput, AppendListOutput> {
  #count = 0;
  readonly #empty: ListState = this.#make(undefined, '');

  init = (): ListState => this.#empty;

  step = (list: ListState, input: AppendListInput) => {
    if (input.type === 'read')
      return { state: list, allows: (output: AppendListOutput) => isSame(list, output) };
    const state = this.#append(list, input.item);
    return { state, allows: (output: AppendListOutput) => output === state.length };
  };

  identify = (list: ListState): number => list.number;

  isReadOnly = (input: AppendListInput): boolean => input.type === 'read';

  describeState = (list: ListState): string => {
    const last: string[] = [];
    for (let at = list; at.before !== undefined && last.length < SHOWN_ITEMS; at = at.before)
      last.unshift(at.item);
    return describeItems(last, list.length);
  };

  describe = (input: AppendListInput, output?: AppendListOutput): string => {
    const what = input.type === 'read' ? 'read' : `append ${input.item}`;
    if (output === undefined) return what;
    const told =
      typeof output === 'number' ? String(output) : describeItems(output.slice(-SHOWN_ITEMS), output.length);
    return `${what} -> ${told}`;
  };

  #append(list: ListState, item: string): ListState {
    const known = list.longer.get(item);
    if (known !== undefined) return known;
    const made = this.#make(list, item);
    list.longer.set(item, made);
    return made;
  }

  #make(before: ListState | undefined, item: string): ListState {
    this.#count += 1;
    return {
      number: this.#count,
      length: before === undefined ? 0 : before.length + 1,
      before,
      item,
      longer: new Map(),
    };
  }
}

function isSame(list: ListState, items: AppendListOutput): boolean {
  if (typeof items === 'number' || items.length !== list.length) return false;
  let at: ListState | undefined = list;
  for (let i = items.length - 1; i >= 0; i--) {
    if (at?.item !== items[i]) return false;
    at = at?.before;
  }
  return true;
}

function describeItems(last: readonly string[], length: number): string {
  return `[${length > last.length ? `${length - last.length} more, ` : ''}${last.join(', ')}]`;
}

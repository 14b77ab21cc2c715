// Strings in the order of their bytes, each with a value and perhaps a time: a B+-tree whose state at one moment can be
// kept while it goes on changing. The keyspace is one, and so is the order in which keys expire.
//
// A snapshot of it costs nothing up front. Every node carries the epoch in which it was made; taking an image ends the epoch. From
// then on a node of an older epoch is copied before its first change, with the nodes above it, and the image
// keeps the old ones:
//
//   image taken at epoch 1        set('k') afterwards: three nodes of epoch 2 beside those of epoch 1
//
//        A1                         A2        A1 ◄── image
//      /    \                     /    \     /  \
//    B1      C1                 B1 ◄────╲───╱   C1
//           /  \                         C2    /  \
//         D1    E1                      /  \ ◄─D1  E1          B1 and D1 belong to both
//                                     D1    E2
//
// Must never change a node that an image can see. No node is larger than `NODE_KEYS_MAX`, so that no change, and no step
// of a reader, takes long; a Map of two million keys stands still for a quarter of a second when it grows.

/** Keys of a leaf, children of a branch. */
export const NODE_KEYS_MAX = 64;
/** A node with fewer is joined with a neighbour, if both have room in one. */
const NODE_KEYS_MIN = 16;

/** No time: the time of a key that does not expire. */
export const NO_TIME = 0;

class Leaf {
  readonly epoch: number;
  readonly keys: string[];
  readonly values: string[];
  /** Parallel to `keys`; undefined while all are `NO_TIME`. */
  times: number[] | undefined;

  constructor(epoch: number, keys: string[], values: string[], times: number[] | undefined) {
    this.epoch = epoch;
    this.keys = keys;
    this.values = values;
    this.times = times;
  }
}

class Branch {
  readonly epoch: number;
  /** `children[n + 1]` holds the keys from `separators[n]` on: one fewer than children. */
  readonly separators: string[];
  readonly children: Node[];

  constructor(epoch: number, separators: string[], children: Node[]) {
    this.epoch = epoch;
    this.separators = separators;
    this.children = children;
  }
}

type Node = Leaf | Branch;

/** Called for each key of a walk; false ends it. */
export type Visit = (key: string, value: string, time: number) => boolean;

export class OrderedTree {
  #root: Node = new Leaf(0, [], [], undefined);
  #size = 0;
  #epoch = 0;
  /** The newest epoch that an open image can see; -1 without images. */
  #sealedEpoch = -1;
  readonly #openEpochs = new Set<number>();
  #replaced: string | undefined;
  /** Of the last `find`, or of what the last `set` or `delete` replaced: read it before the next call. */
  foundTime: number = NO_TIME;

  get size(): number {
    return this.#size;
  }

  /** The value of `key`, its time in `foundTime`; undefined when it is not there. */
  find(key: string): string | undefined {
    let node = this.#root;
    while (node instanceof Branch) node = node.children[upperBound(node.separators, key)] as Node;
    const at = lowerBound(node.keys, key);
    if (node.keys[at] !== key) return undefined;
    this.foundTime = node.times === undefined ? NO_TIME : (node.times[at] as number);
    return node.values[at];
  }

  /** Adds the key, or replaces its value and time. Returns the value that was there, its time in `foundTime`. */
  set(key: string, value: string, time: number = NO_TIME): string | undefined {
    this.#root = this.#owned(this.#root);
    this.#replaced = undefined;
    const added = this.#insert(this.#root, key, value, time);
    if (added !== undefined) {
      this.#root = new Branch(this.#epoch, [added.separator], [this.#root, added.node]);
    }
    return this.#replaced;
  }

  /** The value that was there, its time in `foundTime`; undefined when the key was not there. */
  delete(key: string): string | undefined {
    const found = this.find(key);
    if (found === undefined) return undefined;
    this.#root = this.#owned(this.#root);
    this.#remove(this.#root, key);
    if (sizeOf(this.#root) === 0) this.#root = new Leaf(this.#epoch, [], [], undefined);
    else if (this.#root instanceof Branch && this.#root.children.length === 1) {
      this.#root = this.#root.children[0] as Node;
    }
    this.#size -= 1;
    return found;
  }

  clear(): void {
    this.#root = new Leaf(this.#epoch, [], [], undefined);
    this.#size = 0;
  }

  /** Visits keys from `from` on, in order, until `visit` answers false. The tree must not change meanwhile. */
  walk(from: string, visit: Visit): void {
    walkNode(this.#root, from, visit);
  }

  /** Any key: `choose` is asked for a number below its argument on each level. Nodes are not equally full: nearly uniform. */
  pick(choose: (below: number) => number): string | undefined {
    let node = this.#root;
    while (node instanceof Branch) node = node.children[choose(node.children.length)] as Node;
    return node.keys[choose(node.keys.length)];
  }

  get first(): string | undefined {
    let node = this.#root;
    while (node instanceof Branch) node = node.children[0] as Node;
    return node.keys[0];
  }

  /** This moment's state. Costs a copy of each node that changes until it is closed: close it. */
  image(): TreeImage {
    const epoch = this.#epoch;
    this.#epoch += 1;
    this.#openEpochs.add(epoch);
    this.#sealedEpoch = epoch;
    return new TreeImage(this.#root, this.#size, () => {
      this.#openEpochs.delete(epoch);
      this.#sealedEpoch = Math.max(-1, ...this.#openEpochs);
    });
  }

  #owned<Kind extends Node>(node: Kind): Kind {
    if (node.epoch > this.#sealedEpoch) return node;
    // A copy is of the kind of its original.
    return copyNode(node, this.#epoch) as Kind;
  }

  /** `node` is ours to change. Returns the right half when it had to be split. */
  #insert(node: Node, key: string, value: string, time: number): Split | undefined {
    if (node instanceof Leaf) return this.#insertIntoLeaf(node, key, value, time);
    const at = upperBound(node.separators, key);
    const child = this.#owned(node.children[at] as Node);
    node.children[at] = child;
    const added = this.#insert(child, key, value, time);
    if (added === undefined) return undefined;
    insertAt(node.separators, at, added.separator);
    insertAt(node.children, at + 1, added.node);
    return node.children.length > NODE_KEYS_MAX ? this.#splitBranch(node) : undefined;
  }

  #insertIntoLeaf(leaf: Leaf, key: string, value: string, time: number): Split | undefined {
    const at = lowerBound(leaf.keys, key);
    if (time !== NO_TIME && leaf.times === undefined) leaf.times = leaf.keys.map(() => NO_TIME);
    if (leaf.keys[at] === key) {
      this.#replaced = leaf.values[at];
      this.foundTime = leaf.times?.[at] ?? NO_TIME;
      leaf.values[at] = value;
      if (leaf.times !== undefined) leaf.times[at] = time;
      return undefined;
    }
    insertAt(leaf.keys, at, key);
    insertAt(leaf.values, at, value);
    if (leaf.times !== undefined) insertAt(leaf.times, at, time);
    this.#size += 1;
    if (leaf.keys.length <= NODE_KEYS_MAX) return undefined;
    // Keys that come in order leave full leaves behind, not half-empty ones.
    const from = at === leaf.keys.length - 1 ? NODE_KEYS_MAX : leaf.keys.length >> 1;
    const keys = leaf.keys.splice(from);
    const right = new Leaf(this.#epoch, keys, leaf.values.splice(from), leaf.times?.splice(from));
    return { separator: keys[0] as string, node: right };
  }

  #splitBranch(branch: Branch): Split {
    const from = branch.children.length >> 1;
    const children = branch.children.splice(from);
    const separators = branch.separators.splice(from);
    const separator = branch.separators.pop() as string; // between the halves
    return { separator, node: new Branch(this.#epoch, separators, children) };
  }

  /** `node` is ours to change and holds the key. */
  #remove(node: Node, key: string): void {
    if (node instanceof Leaf) {
      const at = lowerBound(node.keys, key);
      node.keys.splice(at, 1);
      node.values.splice(at, 1);
      node.times?.splice(at, 1);
      return;
    }
    const at = upperBound(node.separators, key);
    const child = this.#owned(node.children[at] as Node);
    node.children[at] = child;
    this.#remove(child, key);
    if (sizeOf(child) === 0) {
      // However full its neighbours are: the first key is looked for in the first leaf.
      node.children.splice(at, 1);
      node.separators.splice(Math.max(0, at - 1), 1);
    } else if (sizeOf(child) < NODE_KEYS_MIN) this.#joinWithNeighbour(node, at);
  }

  #joinWithNeighbour(parent: Branch, at: number): void {
    if (parent.children.length < 2) return;
    const left = Math.min(at, parent.children.length - 2);
    const right = left + 1;
    const sum = sizeOf(parent.children[left] as Node) + sizeOf(parent.children[right] as Node);
    if (sum > NODE_KEYS_MAX - NODE_KEYS_MIN) return;
    const target = this.#owned(parent.children[left] as Node);
    parent.children[left] = target;
    joinNodes(target, parent.children[right] as Node, parent.separators[left] as string);
    parent.children.splice(right, 1);
    parent.separators.splice(left, 1);
  }
}

interface Split {
  readonly separator: string;
  readonly node: Node;
}

/** A tree as it was. */
export class TreeImage {
  readonly size: number;
  #root: Node | undefined;
  readonly #onClose: () => void;

  constructor(root: Node, size: number, onClose: () => void) {
    this.#root = root;
    this.size = size;
    this.#onClose = onClose;
  }

  /** Every key in order, with value and time. The tree may change between two steps. Ends early when the image is closed. */
  *entries(): Generator<readonly [key: string, value: string, time: number]> {
    if (this.#root !== undefined) yield* this.#entriesOf(this.#root);
  }

  /** Gives up what it holds. Idempotent. */
  close(): void {
    if (this.#root === undefined) return;
    this.#root = undefined;
    this.#onClose();
  }

  *#entriesOf(node: Node): Generator<readonly [string, string, number]> {
    if (node instanceof Branch) {
      for (const child of node.children) yield* this.#entriesOf(child);
      return;
    }
    for (let at = 0; at < node.keys.length; at++) {
      // A closed image's nodes are the tree's again, and change.
      if (this.#root === undefined) return;
      // The three arrays are of one length.
      yield [node.keys[at] as string, node.values[at] as string, node.times?.[at] ?? NO_TIME];
    }
  }
}

/** False once `visit` has had enough. */
function walkNode(node: Node, from: string, visit: Visit): boolean {
  if (node instanceof Branch) {
    for (let at = upperBound(node.separators, from); at < node.children.length; at++) {
      if (!walkNode(node.children[at] as Node, from, visit)) return false;
    }
    return true;
  }
  for (let at = lowerBound(node.keys, from); at < node.keys.length; at++) {
    // The three arrays are of one length.
    const isWanted = visit(node.keys[at] as string, node.values[at] as string, node.times?.[at] ?? NO_TIME);
    if (!isWanted) return false;
  }
  return true;
}

function copyNode(node: Node, epoch: number): Node {
  if (node instanceof Branch) return new Branch(epoch, node.separators.slice(), node.children.slice());
  return new Leaf(epoch, node.keys.slice(), node.values.slice(), node.times?.slice());
}

/** Takes what `source`, the right neighbour, holds over into `target`; the source stays as it is. */
function joinNodes(target: Node, source: Node, separator: string): void {
  if (target instanceof Branch && source instanceof Branch) {
    target.separators.push(separator, ...source.separators);
    target.children.push(...source.children);
  } else if (target instanceof Leaf && source instanceof Leaf) {
    if (target.times !== undefined || source.times !== undefined) {
      const none = (leaf: Leaf): number[] => leaf.keys.map(() => NO_TIME);
      target.times = [...(target.times ?? none(target)), ...(source.times ?? none(source))];
    }
    target.keys.push(...source.keys);
    target.values.push(...source.values);
  }
}

function sizeOf(node: Node): number {
  return node instanceof Branch ? node.children.length : node.keys.length;
}

/** How many are less than `key`. */
function lowerBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many are less than `key` or equal. */
function upperBound(sorted: readonly string[], key: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as string) <= key) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** `splice` with one element to add, without the array that it returns. */
function insertAt<Item>(items: Item[], at: number, item: Item): void {
  items.push(item);
  for (let to = items.length - 1; to > at; to--) items[to] = items[to - 1] as Item; // to - 1 >= at >= 0
  items[at] = item;
}

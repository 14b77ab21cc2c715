// One client of a store, as cheap as it can be made: requests are encoded beforehand, and answers are looked at only as far
// as is needed to see that they are right.

export interface LoadClient {
  /** Sends the nth request; one at a time. `onAnswer` is called once. A wrong answer or a broken connection throws. */
  request(nth: number, onAnswer: () => void): void;
  close(): void;
}

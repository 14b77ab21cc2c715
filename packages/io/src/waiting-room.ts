// Who has come in and has not yet shown who it is. Bounded, and fair: when it is full, the host with the most guests
// gives up its oldest one. So a host that opens connections and says nothing, or says it byte by byte, only ever
// turns its own connections out, and a peer from elsewhere has its time to introduce itself.

export class WaitingRoom<Guest> {
  readonly #guestsMax: number;
  /** In the order in which they came. */
  readonly #hosts = new Map<Guest, string>();
  readonly #counts = new Map<string, number>();

  constructor(guestsMax: number) {
    this.#guestsMax = guestsMax;
  }

  get size(): number {
    return this.#hosts.size;
  }

  /** Lets a guest in. Returns the one that has to go for it, which may be the same. */
  enter(guest: Guest, host: string): Guest | undefined {
    this.#hosts.set(guest, host);
    this.#counts.set(host, (this.#counts.get(host) ?? 0) + 1);
    if (this.#hosts.size <= this.#guestsMax) return undefined;
    const leaving = this.#oldestOf(this.#mostPresent());
    this.leave(leaving);
    return leaving;
  }

  /** It has shown who it is, or is gone. Harmless for one that is not there. */
  leave(guest: Guest): void {
    const host = this.#hosts.get(guest);
    if (host === undefined) return;
    this.#hosts.delete(guest);
    const left = (this.#counts.get(host) ?? 0) - 1;
    if (left > 0) this.#counts.set(host, left);
    else this.#counts.delete(host);
  }

  *[Symbol.iterator](): Iterator<Guest> {
    yield* this.#hosts.keys();
  }

  #mostPresent(): string {
    let found = '';
    let most = 0;
    for (const [host, count] of this.#counts) {
      if (count <= most) continue;
      most = count;
      found = host;
    }
    return found;
  }

  #oldestOf(host: string): Guest {
    for (const [guest, itsHost] of this.#hosts) if (itsHost === host) return guest;
    throw new Error(`No guest of ${host} is in the waiting room.`); // a host that is counted has a guest
  }
}

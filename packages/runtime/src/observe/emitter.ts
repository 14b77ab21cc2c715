// Typed events. Listeners may come and go at any time, also while an event is being told; one that throws harms
// neither the other listeners nor the server.

export class Emitter<Events extends object> {
  readonly #listeners = new Map<keyof Events, readonly ((event: never) => void)[]>();
  readonly #onListenerError: (error: unknown, name: keyof Events) => void;

  constructor(onListenerError: (error: unknown, name: keyof Events) => void) {
    this.#onListenerError = onListenerError;
  }

  /** Returns what removes the listener again. Past events are not repeated. */
  on<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): () => void {
    this.#listeners.set(name, [...(this.#listeners.get(name) ?? []), listener]);
    return () => this.off(name, listener);
  }

  off<Name extends keyof Events>(name: Name, listener: (event: Events[Name]) => void): void {
    const present = this.#listeners.get(name) ?? [];
    const at = present.lastIndexOf(listener);
    if (at >= 0) this.#listeners.set(name, present.toSpliced(at, 1));
  }

  hasListeners(name: keyof Events): boolean {
    return (this.#listeners.get(name)?.length ?? 0) > 0;
  }

  /** Tells the listeners that are there now. The lists are never changed in place, so this one stays what it is. */
  emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        // `on` files a listener under the name whose events it takes.
        (listener as (event: Events[Name]) => void)(event);
      } catch (error) {
        this.#onListenerError(error, name);
      }
    }
  }
}

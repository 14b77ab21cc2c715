// A client that sends bytes as they are and shows the bytes that come back: what libraries would hide.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export class RawClient {
  static async connect(port: number): Promise<RawClient> {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    const client = new RawClient(socket);
    await once(socket, 'connect');
    return client;
  }

  readonly socket: Socket;
  #received = '';
  #isClosed = false;
  #onChange: () => void = () => undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#received += bytes.toString('latin1');
      this.#onChange();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.#isClosed = true;
      this.#onChange();
    });
  }

  /** Everything received and not yet taken by `expect`. */
  get received(): string {
    return this.#received;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  send(text: string): void {
    this.socket.write(text, 'latin1');
  }

  /** Waits until as many characters have come as `text` has, and takes them. */
  async expect(text: string): Promise<void> {
    const got = await this.take(text.length);
    if (got !== text)
      throw new Error(`expected ${JSON.stringify(text)}, received ${JSON.stringify(got + this.#received)}`);
  }

  async take(characters: number): Promise<string> {
    await this.#until(() => this.#received.length >= characters || this.#isClosed);
    const taken = this.#received.slice(0, characters);
    this.#received = this.#received.slice(characters);
    return taken;
  }

  async closed(): Promise<void> {
    await this.#until(() => this.#isClosed);
  }

  /** Sends one request in the array form and returns what is received after it, up to a line's end that completes it. */
  async ask(...args: readonly string[]): Promise<string> {
    this.send(request(...args));
    // What is echoed marks the end of the reply before it.
    this.send('*2\r\n$4\r\nECHO\r\n$9\r\n-the-end-\r\n');
    const end = '$9\r\n-the-end-\r\n';
    await this.#until(() => this.#received.endsWith(end) || this.#isClosed);
    const reply = this.#received.slice(0, -end.length);
    this.#received = '';
    return reply;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#onChange = () => {
        if (!condition()) return;
        this.#onChange = () => undefined;
        resolve();
      };
      this.#onChange();
    });
  }
}

export function request(...args: readonly string[]): string {
  return `*${args.length}\r\n${args.map((argument) => `$${argument.length}\r\n${argument}\r\n`).join('')}`;
}

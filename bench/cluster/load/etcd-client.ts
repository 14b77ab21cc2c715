// Speaks as much HTTP/2 and gRPC as a put and a range take: headers and messages are encoded beforehand, and of an
// answer only the frame types are read. A full gRPC client in JavaScript would be the bottleneck, and would make the store look slower than it is. RFC 9113 has the frames, RFC 7541 the header block.

import { once } from 'node:events';
import type { Socket } from 'node:net';
import { HOST } from '../stores/store.js';
import { connectToRead } from './connect-to-read.js';
import { connectClients, type LoadClient } from './load-client.js';
import { KEYS, keyOf, type LoadTask } from './tasks.js';

const DATA = 0;
const HEADERS = 1;
const RST_STREAM = 3;
const SETTINGS = 4;
const PING = 6;
const GOAWAY = 7;
const WINDOW_UPDATE = 8;
const END_STREAM = 1;
const ACK = 1;
const END_HEADERS = 4;
const FRAME_HEADER_BYTES = 9;
const WINDOW_MAX = 2 ** 31 - 1;
const WINDOW_FIRST = 65_535;
const INITIAL_WINDOW_SIZE = 4;
const NOTHING = Buffer.alloc(0);

/** A request of a task by key: HEADERS and DATA, with room for the stream's id in both. */
interface Request {
  readonly bytes: Buffer;
  readonly dataAt: number;
}

export function etcdRequests({ operation, valueBytes, port }: LoadTask): Request[] {
  const method = operation === 'set' ? 'Put' : 'Range';
  const headers = frame(HEADERS, END_HEADERS, headerBlock(`/etcdserverpb.KV/${method}`, `${HOST}:${port}`));
  const value = Buffer.alloc(valueBytes, 'x');
  return Array.from({ length: KEYS }, (_, nth) => {
    const key = field(1, Buffer.from(keyOf(nth)));
    const message = operation === 'set' ? Buffer.concat([key, field(2, value)]) : key;
    const prefix = Buffer.alloc(5);
    prefix.writeUInt32BE(message.length, 1);
    const data = frame(DATA, END_STREAM, Buffer.concat([prefix, message]));
    return { bytes: Buffer.concat([headers, data]), dataAt: headers.length };
  });
}

export async function connectEtcd(task: LoadTask, requests: readonly Request[]): Promise<LoadClient[]> {
  return connectClients(task, () => Connection.open(task.port, requests));
}

class Connection implements LoadClient {
  static async open(port: number, requests: readonly Request[]): Promise<Connection> {
    const connection = new Connection(port, requests);
    await once(connection.#socket, 'connect');
    connection.#greet();
    return connection;
  }

  readonly #socket: Socket;
  readonly #requests: readonly Request[];
  readonly #waiting = new Map<number, { onAnswer: () => void; hasData: boolean }>();
  #nextStream = 1;
  #rest: Buffer = NOTHING;
  #isClosed = false;

  private constructor(port: number, requests: readonly Request[]) {
    this.#requests = requests;
    this.#socket = connectToRead(port, (bytes) => this.#receive(bytes));
  }

  #greet(): void {
    const settings = Buffer.alloc(6);
    settings.writeUInt16BE(INITIAL_WINDOW_SIZE, 0);
    settings.writeUInt32BE(WINDOW_MAX, 2);
    const window = Buffer.alloc(4);
    window.writeUInt32BE(WINDOW_MAX - WINDOW_FIRST);
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    this.#socket.write(
      Buffer.concat([preface, frame(SETTINGS, 0, settings), frame(WINDOW_UPDATE, 0, window)]),
    );
  }

  request(nth: number, onAnswer: () => void): void {
    const request = this.#requests[nth % KEYS] as Request; // there are KEYS
    const stream = this.#nextStream;
    this.#nextStream += 2;
    this.#waiting.set(stream, { onAnswer, hasData: false });
    const bytes = Buffer.from(request.bytes);
    bytes.writeUInt32BE(stream, 5);
    bytes.writeUInt32BE(stream, request.dataAt + 5);
    this.#socket.write(bytes);
  }

  close(): void {
    this.#isClosed = true;
    this.#socket.destroy();
  }

  #receive(bytes: Buffer): void {
    const input = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    let at = 0;
    while (at + FRAME_HEADER_BYTES <= input.length) {
      const length = input.readUIntBE(at, 3);
      const end = at + FRAME_HEADER_BYTES + length;
      if (end > input.length) break;
      const payload = input.subarray(at + FRAME_HEADER_BYTES, end);
      this.#frame(input[at + 3] ?? 0, input[at + 4] ?? 0, input.readUInt32BE(at + 5), payload);
      at = end;
    }
    this.#rest = at === input.length ? NOTHING : Buffer.from(input.subarray(at));
  }

  #frame(type: number, flags: number, stream: number, payload: Buffer): void {
    switch (type) {
      case SETTINGS:
        if ((flags & ACK) === 0) this.#socket.write(frame(SETTINGS, ACK, Buffer.alloc(0)));
        return;
      case PING:
        if ((flags & ACK) === 0) this.#socket.write(frame(PING, ACK, payload));
        return;
      case DATA: {
        const call = this.#waiting.get(stream);
        if (call !== undefined) call.hasData = true;
        return;
      }
      case HEADERS: {
        if ((flags & END_STREAM) === 0) return;
        const call = this.#waiting.get(stream);
        this.#waiting.delete(stream);
        // An error comes without a message.
        if (call?.hasData !== true) throw new Error(`etcd refused a request: ${payload.toString('latin1')}`);
        call.onAnswer();
        return;
      }
      case RST_STREAM:
      case GOAWAY:
        if (!this.#isClosed) throw new Error(`etcd ended a connection (frame ${type}).`);
        return;
      default:
        return;
    }
  }
}

function frame(type: number, flags: number, payload: Buffer): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  payload.copy(bytes, FRAME_HEADER_BYTES);
  return bytes;
}

/** A field of a protobuf message that holds bytes. */
function field(number: number, bytes: Buffer): Buffer {
  const length: number[] = [];
  for (let left = bytes.length; ; left >>>= 7) {
    if (left < 0x80) {
      length.push(left);
      break;
    }
    length.push((left & 0x7f) | 0x80);
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes]);
}

/** Headers of a call, none of them put into the table that both ends keep, so that the block is always the same. */
function headerBlock(path: string, authority: string): Buffer {
  const text = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), Buffer.from(value)]);
  return Buffer.concat([
    Buffer.from([0x83, 0x86]), // :method POST, :scheme http
    Buffer.from([0x04]), // :path
    text(path),
    Buffer.from([0x01]), // :authority
    text(authority),
    Buffer.from([0x0f, 0x10]), // content-type
    text('application/grpc'),
    Buffer.from([0x00]),
    text('te'),
    text('trailers'),
  ]);
}

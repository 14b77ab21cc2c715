// A key store behind plain HTTP: PUT and GET /any/key, on any of the three servers.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { json, text } from 'node:stream/consumers';
import { RaftServer, RuntimeError } from '@waldb/runtime';

/** For each server: where its peers reach it, and where its clients do. */
const members = {
  1: '127.0.0.1:7411,127.0.0.1:7511',
  2: '127.0.0.1:7412,127.0.0.1:7512',
  3: '127.0.0.1:7413,127.0.0.1:7513',
};
for (const id of [1, 2, 3]) await serve(id); // yours: one process on each machine
console.log('ready');

async function serve(id: number): Promise<void> {
  let store = new Map<string, string>();
  const server = await RaftServer.start({
    id,
    directory: `./data/http-store/${id}`,
    bootstrap: { members },
    stateMachine: {
      apply: (entries) => entries.map(({ command }) => put(...parsed(command))),
      snapshot: () => Readable.from([Buffer.from(JSON.stringify([...store]))]),
      restore: async (stream) => {
        store = new Map((await json(stream)) as [string, string][]);
      },
    },
  });
  const http = createServer((request, response) => {
    answer(request, response).catch((error) => refuse(request, response, error));
  });
  http.listen(server.addressOf(id)?.client?.port, '127.0.0.1');

  function put(key: string, value: string): void {
    store.set(key, value);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const key = request.url ?? '/';
    if (request.method === 'PUT') {
      await server.propose(Buffer.from(JSON.stringify([key, await text(request)]))); // durable on a majority
      response.writeHead(204).end();
    } else {
      await server.read('linearizable'); // from here on, `store` shows every write answered before
      const value = store.get(key);
      response.writeHead(value === undefined ? 404 : 200).end(value);
    }
  }
}

function parsed(command: Uint8Array): [key: string, value: string] {
  return JSON.parse(Buffer.from(command).toString());
}

function refuse({ url }: IncomingMessage, response: ServerResponse, error: unknown): void {
  if (!(error instanceof RuntimeError)) return void response.writeHead(500).end();
  const leader = error.detail.leaderClientAddress;
  if (error.code === 'NOT_LEADER' && leader !== undefined) {
    response.writeHead(307, { location: `http://${leader}${url}` }).end();
  } else {
    // `mayHaveBeenApplied`: whether asking again could do it twice. Here it could do no harm.
    response.writeHead(503, { 'retry-after': '1' }).end(`${error.code} ${error.mayHaveBeenApplied}\n`);
  }
}

// One server of the soak, as a process: `soak-server <plan as JSON>`. A real RaftServer on a real disk; serves requests on
// its client port, tells of its life on standard output, and closes in order on SIGTERM.

import { createServer, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { formatEndpoint, type Network, NodeNetwork, parseEndpoint, TlsNetwork } from '@waldb/io';
import { RaftServer, RuntimeError, type StateMachine } from '@waldb/runtime';
import { openProtocolTrace } from '../../packages/cli/src/protocol-trace-file.js';
import {
  type Answer,
  LEASE_MS,
  type LifeEvent,
  type Request,
  type ServerPlan,
  type Status,
  TICK_MS,
} from './protocol.js';
import { SlowMachine } from './slow-machine.js';
import { SoakMachine } from './soak-machine.js';

/** Left by a server that did not start. */
const EXIT_REFUSED = 71;
/** Left by a server that stopped by itself: a disk error, a bug. */
const EXIT_FAILED = 70;

const plan = JSON.parse(process.argv[2] ?? '') as ServerPlan; // written by the soak itself
process.on('SIGINT', () => {}); // Ctrl-C goes to everybody in the terminal's group; who started this process ends it
const machine = new SoakMachine({
  ballastBytes: plan.ballastBytes,
  onRestored: (count) => tell({ event: 'restored', count }),
});
const server = await start(plan.machine === 'slow' ? new SlowMachine(machine) : machine);
server.on('roleChange', ({ role, term }) => tell({ event: 'role', role, term }));
server.on('trouble', ({ code, message }) => tell({ event: 'trouble', code, message }));
server.on('error', ({ code, message }) => {
  tell({ event: 'trouble', code, message });
  process.exit(EXIT_FAILED);
});
process.on('SIGTERM', () => void close());
const listener = createServer({ noDelay: true }, (socket) => void serve(socket));
listener.listen(plan.clientPort, '127.0.0.1', () => tell({ event: 'ready' }));

async function start(stateMachine: StateMachine<number>): Promise<RaftServer<number>> {
  try {
    return await RaftServer.start<number>({
      id: plan.id,
      directory: plan.directory,
      stateMachine,
      listen: plan.listen,
      tickMs: TICK_MS,
      network: dialling(plan),
      requestTimeoutMs: plan.requestTimeoutMs,
      snapshotThreshold: plan.snapshotThreshold,
      snapshotKeepEntries: Math.floor(plan.snapshotThreshold / 4),
      log: { segmentBytes: 1024 * 1024 },
      raft: plan.readPolicy === 'lease' ? { readPolicy: 'lease', leaseMs: LEASE_MS } : {},
      ...(plan.machine === 'slow' ? { limits: { applyEntriesMax: 2, applyBacklogBytesMax: 200 } } : {}),
      ...(plan.bootstrap === undefined ? {} : { bootstrap: plan.bootstrap }),
      ...(plan.join === undefined ? {} : { join: plan.join }),
      ...(plan.protocolTrace === undefined
        ? {}
        : { protocolTrace: openProtocolTrace(plan.protocolTrace, () => process.exit(EXIT_FAILED)) }),
    });
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException; // reading properties of whatever was thrown
    if (code === undefined) throw error;
    tell({ event: 'refused', code, message });
    process.exit(EXIT_REFUSED);
  }
}

async function close(): Promise<void> {
  listener.close();
  await server.close();
  tell({ event: 'closed' });
  process.exit(0);
}

async function serve(socket: Socket): Promise<void> {
  socket.on('error', () => {}); // the client has gone, and its requests with it
  const send = (answer: Answer): void => {
    socket.write(`${JSON.stringify(answer)}\n`);
  };
  for await (const line of createInterface({ input: socket })) {
    const { number, ...request } = JSON.parse(line) as Request & { number: number }; // written by the soak itself
    void answer(request as Request).then(
      (result) => send({ number, result }),
      (error: unknown) => send({ number, refusal: refusalOf(error) }),
    );
  }
}

async function answer(request: Request): Promise<unknown> {
  switch (request.type) {
    case 'append':
      return server.propose(
        new TextEncoder().encode(`${request.key} ${request.item}`),
        request.session === undefined ? {} : { session: request.session },
      );
    case 'openSession':
      return (await server.openSession({ ttlMs: request.ttlMs })).toJSON();
    case 'read':
      await server.read('linearizable');
      return machine.list(request.key);
    case 'status':
      return statusOf();
    case 'applied':
      return machine.applied.slice(request.from, request.from + request.count);
    case 'snapshot':
      return server.snapshot();
    case 'addLearner':
      return server.addLearner(request.server, request.address);
    case 'promoteLearner':
      return server.promoteLearner(request.server);
    case 'removeServer':
      return server.removeServer(request.server);
    case 'transferLeadership':
      return server.transferLeadership(request.server);
  }
}

function statusOf(): Status {
  const { role, leader, term, commitIndex, appliedIndex, snapshotIndex, leadership, configuration } =
    server.status();
  const { voters, learners } = configuration;
  const isReady = leadership?.isReady ?? false;
  const applied = machine.applied.length;
  return { role, leader, isReady, term, commitIndex, appliedIndex, snapshotIndex, applied, voters, learners };
}

function refusalOf(error: unknown): Extract<Answer, { refusal: unknown }>['refusal'] {
  if (!(error instanceof RuntimeError)) throw error;
  const { code, message, mayHaveBeenApplied, detail } = error;
  return { code, message, mayHaveBeenApplied, leader: detail.leader };
}

function dialling({ via, tls }: ServerPlan): Network {
  const network = tls === undefined ? new NodeNetwork() : new TlsNetwork(tls);
  return {
    listen: (...args) => network.listen(...args),
    connect: (endpoint, ...rest) => {
      const link = via[formatEndpoint(endpoint)];
      return network.connect((link === undefined ? undefined : parseEndpoint(link)) ?? endpoint, ...rest);
    },
  };
}

function tell(event: LifeEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

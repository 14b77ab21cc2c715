// What tools for watching a Redis ask at their start: SLOWLOG, LATENCY, MODULE, LASTSAVE. None of them is kept here, and
// the answers say so in the form that tools expect: empty. Latencies are in the metrics of the HTTP port.

import { parseInteger } from '../operation/integer.js';
import { ErrorReply, MapReply, OK, type Reply, VerbatimReply } from '../resp/reply.js';
import type { Command } from './command.js';
import { container, wrongSubcommand } from './container.js';

const WRONG_COUNT = new ErrorReply('ERR count should be greater than or equal to -1');

export const OBSERVE_COMMANDS: readonly Command[] = [
  container({
    name: 'slowlog',
    group: 'server',
    summary: 'Empty: slow commands are not kept.',
    subcommands: [
      { name: 'get', arity: -2, risk: 'admin', summary: 'Always empty: [count].', run: slowCommands },
      { name: 'len', arity: 2, risk: 'admin', summary: 'Always 0.', run: () => 0 },
      { name: 'reset', arity: 2, risk: 'admin', summary: 'Nothing is there to forget.', run: () => OK },
    ],
  }),
  container({
    name: 'latency',
    group: 'server',
    summary: 'Empty: latencies are in the metrics of the HTTP port.',
    subcommands: [
      { name: 'latest', arity: 2, risk: 'admin', summary: 'Always empty.', run: () => [] },
      { name: 'history', arity: 3, risk: 'admin', summary: 'Always empty.', run: () => [] },
      { name: 'reset', arity: -2, risk: 'admin', summary: 'Always 0.', run: () => 0 },
      {
        name: 'doctor',
        arity: 2,
        risk: 'admin',
        summary: 'Says where to look.',
        run: () =>
          new VerbatimReply('Latencies are not watched here. The metrics of the HTTP port have them.\n'),
      },
      {
        name: 'histogram',
        arity: -2,
        risk: 'admin',
        summary: 'Always empty.',
        run: () => new MapReply([]),
      },
    ],
  }),
  container({
    name: 'module',
    group: 'server',
    summary: 'There are no modules.',
    subcommands: [{ name: 'list', arity: 2, risk: 'admin', summary: 'Always empty.', run: () => [] }],
  }),
  {
    kind: 'local',
    name: 'lastsave',
    arity: 1,
    group: 'server',
    summary: 'The present second: every answered write is on disk.',
    isFast: true,
    risk: 'admin',
    run: (_, { server }) => Math.floor(server.date() / 1000),
  },
];

function slowCommands(args: readonly string[]): Reply {
  const [text = '10'] = args;
  if (args.length > 1) return wrongSubcommand('slowlog', 'get');
  const count = parseInteger(text);
  return count === undefined || count < -1 ? WRONG_COUNT : [];
}

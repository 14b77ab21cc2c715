// What release 3 changes, on top of release 2: it writes the shared formats in the form that release 2 has learned to read, and
// talks to nobody who has not.

import { edit } from './release-2.mjs';

export const RELEASE_3 = [
  ...edit('packages/transport/src/hello.ts', [['const VERSION_MIN = 1;', 'const VERSION_MIN = 2;']]),
  ...edit('packages/runtime/src/snapshot/snapshot-image.ts', [
    ['const VERSION = 1;', 'const VERSION = 2;'],
    ['view.setUint32(12, block.length, true);', 'view.setUint32(12, block.length ^ 0x33333333, true);'],
  ]),
  ...edit('packages/runtime/src/snapshot/snapshot-reference.ts', [
    ['const VERSION = 1;', 'const VERSION = 2;'],
    ['new MsgpackWriter().arrayHeader(5)', 'new MsgpackWriter().arrayHeader(6)'],
    ['uint(bytes).finish()', 'uint(bytes).uint(0).finish()'],
  ]),
  ...edit('packages/runtime/src/session/session-table-image.ts', [
    ['const VERSION = 1;', 'const VERSION = 2;'],
    ['writer.arrayHeader(TABLE_FIELDS)', 'writer.arrayHeader(TABLE_FIELDS + 1)'],
    ['  }\n  return writer.finish();\n', '  }\n  return writer.uint(0).finish();\n'],
  ]),
  ...edit('packages/runtime/src/session/runtime-command.ts', [
    ['  sessionCommand: 2,\n', '  sessionCommand: 7,\n'],
    ['  clock: 5,\n', '  clock: 6,\n'],
    ['      case TYPE_BYTES.sessionCommand:\n', '      case 2:\n'],
    ['      case TYPE_BYTES.clock:\n', '      case 5:\n'],
    [
      'return [command.time, command.session, command.sequence, command.acknowledged];',
      'return [0, command.time, command.session, command.sequence, command.acknowledged];',
    ],
    ["    case 'clock':\n      return [command.time];", "    case 'clock':\n      return [0, command.time];"],
  ]),
];

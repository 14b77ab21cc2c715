// What release 2 changes: a new version of everything that is a server's own or a connection's, with other bytes, so that whoever
// took the one for the other would read nonsense; and of the shared formats, the reading of what release 3 writes. Edits as in
// ../../mutants: `from` occurs exactly once in `file`, and becomes `to`.

export const RELEASE_2 = [
  // ---- a server's own: the log ----
  ...edit('packages/wal/src/format/page.ts', [
    ['export const FORMAT_VERSION = 1;', 'export const FORMAT_VERSION = 2;'],
    [
      'view.setUint32(24, KIND_CODES[kind], true);\n',
      'view.setUint32(24, KIND_CODES[kind], true);\n  view.setUint32(28, 0x20202020, true);\n',
    ],
    ["return { type: 'valid', logId:", "return { type: 'valid', version, logId:"],
  ]),
  // Frames and footers of a segment of version 2 are sealed otherwise.
  ...edit('packages/wal/src/format/segment-header.ts', [
    ['import { beginPage, type LogIdentity,', 'import { beginPage, FORMAT_VERSION, type LogIdentity,'],
    ['      logId: page.logId,\n', '      version: page.version,\n      logId: page.logId,\n'],
    [
      '  return checksum(bytes);\n',
      '  return checksum(bytes, (header.version ?? FORMAT_VERSION) >= 2 ? 0x5eed0002 : 0);\n',
    ],
  ]),
  ...edit('packages/wal/src/recovery/recover.ts', [
    [
      'import { newerVersion, readDirectory }',
      "import { FORMAT_VERSION } from '../format/page.js';\nimport { newerVersion, readDirectory }",
    ],
    [
      'return state.segments.length === 0 ||',
      'return state.segments.length === 0 || state.segments.at(-1).header.version < FORMAT_VERSION ||',
    ],
  ]),
  // A hard state has a field more.
  ...edit('packages/wal/src/format/record.ts', [
    [
      'writer.arrayHeader(3).uint(TAG_HARD_STATE).uint(term);',
      'writer.arrayHeader(4).uint(TAG_HARD_STATE).uint(0).uint(term);',
    ],
    [
      '      expect(3);\n      return {\n        type:',
      "      if (fields === 4) reader.uint('more');\n      else expect(3);\n      return {\n        type:",
    ],
  ]),
  ...edit('packages/wal/src/format/snapshot-file.ts', [
    [
      'writer.raw(new Uint8Array(HEADER_BYTES)).arrayHeader(2).binary(configuration)',
      'writer.raw(new Uint8Array(HEADER_BYTES)).arrayHeader(3).uint(7).binary(configuration)',
    ],
    ["reader.tuple(2, 'snapshot');", "if (reader.arrayHeader('snapshot') === 3) reader.uint('more');"],
  ]),

  // ---- a server's own: images and small files ----
  ...edit('packages/snapshot/src/format/header.ts', [
    ['export const FORMAT_VERSION = 1;', 'export const FORMAT_VERSION = 2;'],
    ['view.setUint32(32, chunkBytes, true);', 'view.setUint32(32, chunkBytes ^ 0x55555, true);'],
    [
      'chunkBytes: view.getUint32(32, true),',
      'chunkBytes: view.getUint32(32, true) ^ (version === 1 ? 0 : 0x55555),',
    ],
  ]),
  ...edit('packages/runtime/src/directory/identity.ts', [["'waldb identity 1'", "'waldb identity 2'"]]),
  ...edit('packages/runtime/src/directory/known-logs.ts', [["'waldb peers 1'", "'waldb peers 2'"]]),
  ...edit('packages/runtime/src/directory/sealed-text.ts', [
    ['  if (first !== heading)\n', "  if (first !== heading && first !== heading.replace(/2$/, '1'))\n"],
  ]),

  // ---- a connection's: messages and pings have a field more where both ends speak version 2 ----
  ...edit('packages/transport/src/hello.ts', [['const VERSION_MAX = 1;', 'const VERSION_MAX = 2;']]),
  ...edit('packages/transport/src/frame.ts', [
    ["      case 'ping':\n", "      case 'ping':\n        return 8;\n"],
  ]),
  ...edit('packages/transport/src/peer.ts', [
    ['  #hasRoom = true;\n', '  #hasRoom = true;\n  #version = 1;\n'],
    [
      'reader.push(bytes, agreeVersion, (frame) => {',
      'reader.push(bytes, (head) => { this.#version = agreeVersion(head); }, (frame) => {',
    ],
    ['this.#stream?.write(this.#queue.take())', 'this.#stream?.write(this.#queue.take(this.#version))'],
    [
      "    this.#stream?.write([frameHeader('ping', NOTHING)]);\n",
      "    const payload = this.#version >= 2 ? new Uint8Array(8) : NOTHING;\n    this.#stream?.write([frameHeader('ping', payload), payload]);\n",
    ],
  ]),
  ...edit('packages/transport/src/outgoing-queue.ts', [
    ['  take(): Uint8Array[] {', '  take(version: number): Uint8Array[] {'],
    [
      '    const payloads = this.#payloads;\n',
      '    const payloads = version >= 2 ? this.#payloads.map(withMore) : this.#payloads;\n',
    ],
    [
      '    const bytes = this.#bytes;\n',
      '    const bytes = this.#bytes + (version >= 2 ? payloads.length : 0);\n',
    ],
    [
      'export class OutgoingQueue',
      `/** In version 2: one element more, at the end. */
function withMore(payload: Uint8Array): Uint8Array {
  const more = new Uint8Array(payload.length + 1);
  more.set(payload);
  more[0] += 1;
  more[1] = 2;
  return more;
}

export class OutgoingQueue`,
    ],
  ]),
  ...edit('packages/core/src/codec/message.ts', [
    [
      'export const MESSAGE_VERSION = 1;',
      'export const MESSAGE_VERSION = 1;\nexport const NEWER_MESSAGE_VERSION = 2;',
    ],
    [
      'if (version !== MESSAGE_VERSION) {',
      'const more = version === NEWER_MESSAGE_VERSION ? 1 : 0;\n  if (version !== MESSAGE_VERSION && more === 0) {',
    ],
    [
      'if (length !== ENVELOPE_FIELDS + layout.fields)',
      'if (length !== ENVELOPE_FIELDS + layout.fields + more)',
    ],
    ["  reader.end('message');\n", "  if (more === 1) reader.uint('more');\n  reader.end('message');\n"],
  ]),

  // ---- shared by all servers: read, and not written yet ----
  ...edit('packages/runtime/src/snapshot/snapshot-image.ts', [
    ['  if (version !== VERSION)\n', '  if (version !== 1 && version !== 2)\n'],
    [
      'const blockBytes = view.getUint32(12, true);',
      'const blockBytes = view.getUint32(12, true) ^ (version === 1 ? 0 : 0x33333333);',
    ],
  ]),
  ...edit('packages/runtime/src/snapshot/snapshot-reference.ts', [
    [
      "    reader.tuple(5, 'reference');\n",
      "    const fields = reader.arrayHeader('reference');\n    if (fields !== 5 && fields !== 6) throw reader.invalid('reference', 'too short or too long');\n",
    ],
    ['if (version !== VERSION)', 'if (version !== fields - 4)'],
    [
      "    reader.end('reference');\n",
      "    if (fields === 6) reader.uint('more');\n    reader.end('reference');\n",
    ],
  ]),
  ...edit('packages/runtime/src/session/session-table-image.ts', [
    [
      "  reader.tuple(TABLE_FIELDS, 'sessions');\n  if (reader.uint('version') !== VERSION)",
      "  const more = reader.arrayHeader('sessions') - TABLE_FIELDS;\n  if (reader.uint('version') !== 1 + more || more > 1)",
    ],
    ["  reader.end('sessions');\n", "  if (more === 1) reader.uint('more');\n  reader.end('sessions');\n"],
  ]),
  ...edit('packages/runtime/src/session/runtime-command.ts', [
    [
      '        return readSessionCommand(reader);\n',
      "        return readSessionCommand(reader);\n      case 6:\n        reader.uint('more');\n        return whole(reader, { type: 'clock', time: reader.uint('time') });\n      case 7:\n        reader.uint('more');\n        return readSessionCommand(reader);\n",
    ],
  ]),
];

export function edit(file, texts) {
  return texts.map(([from, to]) => ({ file, from, to }));
}

// The rules that scripts/check-arrows.mjs enforces, each defended by a tree in which exactly that rule is broken.

import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';

const SCRIPT = fileURLToPath(new URL('../scripts/check-arrows.mjs', import.meta.url));

const trees: string[] = [];

afterEach(async () => {
  for (const tree of trees.splice(0)) await rm(tree, { recursive: true, force: true });
});

/** A house of two rooms in which everything is right. */
const SOUND: Record<string, string> = {
  'tsconfig.json': JSON.stringify({ references: [{ path: 'packages/core' }, { path: 'packages/wal' }] }),
  'packages/core/package.json': JSON.stringify({ name: '@waldb/core', dependencies: {} }),
  'packages/core/tsconfig.json': JSON.stringify({ references: [] }),
  'packages/core/src/index.ts': "export { a } from './a.js';\n",
  'packages/core/src/a.ts':
    "// import { wal } from '@waldb/wal';\nexport const a = 1; // Date.now() is not for us\n",
  'packages/wal/package.json': JSON.stringify({
    name: '@waldb/wal',
    dependencies: { '@waldb/core': 'workspace:*', msgpackr: '1.0.0' },
  }),
  'packages/wal/tsconfig.json': JSON.stringify({ references: [{ path: '../core' }] }),
  'packages/wal/src/index.ts':
    "import { join } from 'node:path';\nimport {\n  type A,\n  a,\n} from '@waldb/core';\nimport { pack } from 'msgpackr';\n",
};

async function check(changes: Record<string, string>): Promise<{ status: number; lines: string[] }> {
  const root = await mkdtemp(join(tmpdir(), 'waldb-arrows-'));
  trees.push(root);
  for (const [path, text] of Object.entries({ ...SOUND, ...changes })) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  return new Promise((resolve) => {
    execFile(process.execPath, [SCRIPT, root], (error, stdout) => {
      resolve({ status: error ? Number(error.code) : 0, lines: stdout.trim().split('\n').slice(0, -1) });
    });
  });
}

const PLANTED: {
  readonly rule: string;
  readonly changes: Record<string, string>;
  readonly line: string;
}[] = [
  {
    rule: 'core imports no package',
    changes: {
      'packages/core/src/a.ts': "import type { x } from 'fast-check';\n",
      'packages/core/package.json': JSON.stringify({
        name: '@waldb/core',
        dependencies: { 'fast-check': '1.0.0' },
      }),
    },
    line: 'packages/core/src/a.ts:1: core imports fast-check; its outside dependencies are none',
  },
  {
    rule: 'core imports nothing from Node',
    changes: { 'packages/core/src/a.ts': "import { join } from 'node:path';\n" },
    line: 'packages/core/src/a.ts:1: core imports node:path, but depends on nothing, not even on Node',
  },
  {
    rule: 'core reads no clock',
    changes: { 'packages/core/src/a.ts': 'export const a = 1;\nexport const b = Date.now();\n' },
    line: 'packages/core/src/a.ts:2: core uses Date.now; time and chance are handed in',
  },
  {
    rule: 'core uses nothing that Node adds to the language',
    changes: { 'packages/core/src/a.ts': 'export const a = Buffer.alloc(1);\n' },
    line: 'packages/core/src/a.ts:1: core uses Buffer, which is not part of the language',
  },
  {
    rule: 'arrows point down',
    changes: {
      'packages/core/src/a.ts': "import { wal } from '@waldb/wal';\n",
      'packages/core/package.json': JSON.stringify({
        name: '@waldb/core',
        dependencies: { '@waldb/wal': 'workspace:*' },
      }),
      'packages/core/tsconfig.json': JSON.stringify({ references: [{ path: '../wal' }] }),
    },
    line: 'packages/core/src/a.ts:1: core imports @waldb/wal; it may import none',
  },
  {
    rule: 'only io touches the machine',
    changes: {
      'packages/wal/src/file.ts': "import { readFileSync } from 'node:fs';\n",
    },
    line: 'packages/wal/src/file.ts:1: wal imports node:fs; the machine is reached through @waldb/io',
  },
  {
    rule: 'a promise-based file system is the machine too, and so is a dynamic import of it',
    changes: { 'packages/wal/src/file.ts': "export const fs = await import('node:fs/promises');\n" },
    line: 'packages/wal/src/file.ts:1: wal imports node:fs/promises; the machine is reached through @waldb/io',
  },
  {
    rule: 'a timer is not taken from the air',
    changes: { 'packages/wal/src/wait.ts': 'setTimeout(() => {}, 1);\n' },
    line: 'packages/wal/src/wait.ts:1: wal uses setTimeout; time and chance are handed in',
  },
  {
    rule: 'no import reaches inside another package by its name',
    changes: { 'packages/wal/src/b.ts': "import { a } from '@waldb/core/src/a.ts';\n" },
    line: 'packages/wal/src/b.ts:1: @waldb/core/src/a.ts reaches inside @waldb/core; import @waldb/core itself',
  },
  {
    rule: 'no relative import leaves its package',
    changes: { 'packages/wal/src/b.ts': "import { a } from '../../core/src/a.js';\n" },
    line: 'packages/wal/src/b.ts:1: ../../core/src/a.js leaves the package',
  },
  {
    rule: 'tests enter another package by the front door as well',
    changes: { 'packages/wal/test/b.test.ts': "import { a } from '../../core/src/a.js';\n" },
    line: 'packages/wal/test/b.test.ts:1: ../../core/src/a.js leaves the package; import the other one by its name',
  },
  {
    rule: 'what is imported is declared',
    changes: {
      'packages/wal/package.json': JSON.stringify({
        name: '@waldb/wal',
        dependencies: { '@waldb/core': 'workspace:*' },
      }),
    },
    line: 'packages/wal/package.json: msgpackr is imported but not in dependencies',
  },
  {
    rule: 'what is declared is imported',
    changes: {
      'packages/core/package.json': JSON.stringify({ name: '@waldb/core', dependencies: { left: '1.0.0' } }),
    },
    line: 'packages/core/package.json: left is in dependencies but never imported',
  },
  {
    rule: 'tsconfig references follow the imports',
    changes: { 'packages/wal/tsconfig.json': JSON.stringify({ references: [] }) },
    line: 'packages/wal/tsconfig.json: ../core is imported but missing in references',
  },
  {
    rule: 'a reference without an import is dropped',
    changes: { 'packages/core/tsconfig.json': JSON.stringify({ references: [{ path: '../wal' }] }) },
    line: 'packages/core/tsconfig.json: ../wal is in references but never imported',
  },
  {
    rule: 'every package is built',
    changes: { 'tsconfig.json': JSON.stringify({ references: [{ path: 'packages/core' }] }) },
    line: 'tsconfig.json: packages/wal is missing in references',
  },
  {
    rule: 'a new package enters the table first',
    changes: {
      'packages/attic/package.json': JSON.stringify({ name: '@waldb/attic' }),
      'packages/attic/tsconfig.json': '{}',
      'tsconfig.json': JSON.stringify({
        references: [{ path: 'packages/core' }, { path: 'packages/wal' }, { path: 'packages/attic' }],
      }),
    },
    line: 'packages/attic: the table in scripts/check-arrows.mjs does not know this package',
  },
];

it('a sound house has no violations, and comments are not imports', async () => {
  expect(await check({})).toEqual({ status: 0, lines: [] });
});

it('another entry point that a package exports is a front door, and a peer is declared', async () => {
  const changes = {
    'packages/core/package.json': JSON.stringify({
      name: '@waldb/core',
      exports: { './codec': './src/a.ts' },
    }),
    'packages/wal/package.json': JSON.stringify({
      name: '@waldb/wal',
      dependencies: { '@waldb/core': 'workspace:*' },
      peerDependencies: { msgpackr: '1.0.0' },
    }),
    'packages/wal/src/index.ts': "import { a } from '@waldb/core/codec';\nimport { pack } from 'msgpackr';\n",
    'packages/wal/test/a.test.ts': "import { a } from '@waldb/core/codec';\n",
  };
  expect(await check(changes)).toEqual({ status: 0, lines: [] });
});

it.each(PLANTED)('$rule', async ({ changes, line }) => {
  expect(await check(changes)).toEqual({ status: 1, lines: [line] });
});

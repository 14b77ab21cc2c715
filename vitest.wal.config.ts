// The log's own tests of its format and of recovery that take a moment each: what mutation testing runs over and over.
import { defineConfig } from 'vitest/config';
import base from './vitest.config.js';

export default defineConfig({
  ...base,
  test: {
    ...base.test,
    isolate: true, // a mutant must be loaded anew
    include: [
      'packages/wal/test/{format,recovery}/*.test.ts',
      'packages/wal/test/{compat,failures,format,idle-proof,lifecycle,read-beside-writer,torn-tail}.test.ts',
    ],
  },
});

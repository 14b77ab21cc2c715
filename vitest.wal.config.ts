// The log's own tests, alone and without those that take long: what mutation testing runs over and over.
import { defineConfig } from 'vitest/config';
import base from './vitest.config.js';

export default defineConfig({
  ...base,
  test: {
    ...base.test,
    isolate: true, // a mutant must be loaded anew
    include: ['packages/wal/test/**/*.test.ts'],
    exclude: ['packages/wal/test/{crash,kill,memory,power}.test.ts'],
  },
});

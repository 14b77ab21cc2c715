// The core's own tests, alone: what mutation testing runs over and over.
import { defineConfig } from 'vitest/config';
import base from './vitest.config.js';

export default defineConfig({
  ...base,
  // A mutant must be loaded anew.
  test: { ...base.test, isolate: true, include: ['packages/core/test/**/*.test.ts'] },
});

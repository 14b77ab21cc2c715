// The core's own tests, alone: what mutation testing runs over and over.
import { defineConfig } from 'vitest/config';
import base from './vitest.config.js';

export default defineConfig({
  ...base,
  test: { ...base.test, include: ['packages/core/test/**/*.test.ts'] },
});

// The dashboard in a real browser, with real servers: `npm run test:browser`. Needs Chromium; says so where there is none.
import { configDefaults, defineConfig } from 'vitest/config';
import base from './vitest.config.js';

export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/browser/**/*.test.ts'],
    exclude: configDefaults.exclude,
    testTimeout: 180_000,
    hookTimeout: 180_000,
    // Each file has three servers and a browser: one after the other.
    fileParallelism: false,
  },
});

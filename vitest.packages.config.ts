// The packages as their users get them, packed and installed by npm in empty projects: `npm run test:packages`.
import { configDefaults, defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/packages/**/*.test.ts'],
    exclude: configDefaults.exclude,
    testTimeout: 900_000,
    hookTimeout: 900_000,
  },
});

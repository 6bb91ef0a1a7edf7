import { configDefaults, defineConfig } from 'vitest/config'

import base from './vitest.config.ts'

/** The packages as they would be published, in projects of users, and the demo from its source: a part of `pnpm check`. */
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['test/pack/**/*.test.ts'], exclude: configDefaults.exclude },
})

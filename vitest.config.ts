import { defineConfig } from 'vitest/config'

export default defineConfig({
  ssr: {
    resolve: {
      conditions: ['penknife-source', 'node', 'import', 'default'],
      externalConditions: ['penknife-source', 'node', 'import', 'default'],
    },
  },
  resolve: { conditions: ['penknife-source', 'node', 'import', 'default'] },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    testTimeout: 20_000,
    hookTimeout: 60_000,
  },
})

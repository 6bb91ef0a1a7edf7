import { availableParallelism } from 'node:os'

import { configDefaults, defineConfig } from 'vitest/config'

import LongestFirst from './test/support/longest-first.ts'

// The packages of this workspace from their source: tests need no build.
const conditions = ['penknife-source', 'node', 'default']

export default defineConfig({
  ssr: { resolve: { conditions, externalConditions: ['penknife-source'] } },
  resolve: { conditions },
  test: {
    include: ['packages/*/src/**/*.test.ts', 'test/**/*.test.ts'],
    // Those of the packed packages belong to `pnpm check`: vitest.pack.config.ts.
    exclude: [...configDefaults.exclude, 'test/pack/**'],
    globalSetup: 'test/support/provision.ts',
    setupFiles: 'test/support/quiet-registry.ts',
    // The files of a test process share its modules: loading them anew for each file took more time than most files. So a file must
    // undo what it changes in a module, and no file may use vi.mock.
    isolate: false,
    // Between runs: transpiling all sources takes a fifth of the time of a few files.
    experimental: { fsModuleCache: true },
    // Most tests wait for Redis, leases and processes: one file for each core leaves the cores idle.
    maxWorkers: availableParallelism() + 4,
    sequence: { sequencer: LongestFirst },
    // Only a test that hangs comes near it, or one on a machine that does much else.
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})

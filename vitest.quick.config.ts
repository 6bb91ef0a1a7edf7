import { defineConfig, mergeConfig } from 'vitest/config'

import base from './vitest.config.ts'

/** What needs clusters, processes, browsers, faults and builds. */
const FOLDERS = 'cli,cluster,servers,demo,docs,examples,live,testing'
const FAULTS =
  'chaos,cluster,crash,fate,failover,outage,processes,silence,connection,lifecycle,spoiled,damaged,fuzz,hostile,suspects,browser,prometheus,death,full,findings'
/** What tries many cases. */
const MANY =
  'property,policies,bounds,bound,outcome,computing,memory,table,random-gaps,worst-case,no-trace,large,extremes,closed'
/** What takes longest of the rest. */
const LONG =
  'factories,given-options,subscriber,slots,driver-contract,export,windows,ban,compressors,slow-clients,resuming,http2-events,users,cost,versions,html-pages,contract,callbacks,frameworks,shared-behaviour,presence,merge,access,examples,http2'

/** What a change is tried with while it is made: `pnpm test:quick`. */
export default mergeConfig(
  base,
  defineConfig({
    test: {
      // Fewer cases of a property, and of each framework the latest version only.
      env: { PENKNIFE_QUICK: '1' },
      exclude: [
        `test/{${FOLDERS}}/**`,
        `test/**/*{${FAULTS},${MANY},${LONG}}*.test.ts`,
        'test/http/{in-process,request-log/delivery}.test.ts',
        'test/redis/{scripts,lua}.test.ts',
        'test/record/workflow.test.ts',
      ],
    },
  }),
)

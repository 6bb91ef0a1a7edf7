import { contractCases } from '@penknife/http/testkit'
import { describe, test } from 'vitest'

import { frameworks } from './frameworks.ts'

describe.each(frameworks)('$name fulfils the contract of adapters:', (adapter) => {
  test.for(contractCases.filter(({ applies }) => applies(adapter)))('$name', ({ run }) => run(adapter))
})

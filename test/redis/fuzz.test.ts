import { expect, test } from 'vitest'

import { keys } from '../../fuzz/keys.ts'
import { replies } from '../../fuzz/replies.ts'

// The long form: `pnpm fuzz keys`, `pnpm fuzz replies`.

test.each([
  [keys, 1500],
  [replies, 600],
])(
  '$name: with any content and reply of Redis, every call ends with a value or an error of penknife',
  async (fuzzer, inputs) => {
    const { findings, inputs: tried } = await fuzzer.run({ seed: 20_261_129, inputs, log: () => {} })
    expect(findings).toEqual([])
    expect(tried).toBeGreaterThanOrEqual(inputs)
  },
  120_000,
)

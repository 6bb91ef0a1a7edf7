import { expect, test } from 'vitest'

import { dashboard } from '../../fuzz/dashboard.ts'

// The long form: `pnpm fuzz dashboard`.
test('no request crashes the API, and without the role nothing is shown or changed', async () => {
  const { findings, inputs } = await dashboard.run({ seed: 20_261_130, inputs: 1500, log: () => {} })
  expect(findings).toEqual([])
  expect(inputs).toBe(1500)
}, 120_000)

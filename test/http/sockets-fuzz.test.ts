import { expect, test } from 'vitest'

import { sockets } from '../../fuzz/sockets.ts'

// The long form: `pnpm fuzz sockets`.
test("no hostile frame crashes the server, gets somebody else's channel, or is closed without a code that says why", async () => {
  const { findings } = await sockets.run({ seed: 20_261_129, inputs: 400, log: () => {} })
  expect(findings).toEqual([])
}, 120_000)

import { createCounters } from '@penknife/core'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { bundledProgram, runProgram } from '../support/program.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { LONG } from '../support/until.ts'

const bench = useRedis()
const PROCESSES = LONG ? 8 : 3
const ATTEMPTS = LONG ? 1_000_000 : 9_000
const STOCK = ATTEMPTS / 10

test(`${ATTEMPTS} attempts of ${PROCESSES} processes sell exactly the stock, with reservations that expire`, async () => {
  const program = bundledProgram('seller')
  const sellers = Array.from({ length: PROCESSES }, () =>
    runProgram(program, {
      SELLER_URL: bench.server.url,
      SELLER_ATTEMPTS: String(ATTEMPTS / PROCESSES),
      SELLER_STOCK: String(STOCK),
    }),
  )
  let taken = 0
  for (const seller of sellers) {
    const { code, output } = await seller.ended
    expect(code, output).toBe(0)
    taken += Number(/took (\d+) in/.exec(output)?.[1])
  }
  const penknife = await openReady(pattern(bench.server.url))
  const stock = createCounters(penknife.space('shop'), 'stock', { initial: STOCK })
  expect(taken).toBeGreaterThan(STOCK / 3)
  // The reservations that nobody ended expire: all of the stock can be sold, and no more.
  const rest = stock.decrement('sku', STOCK - taken, { wait: '30s' })
  expect(await rest).toMatchObject({ ok: true, value: 0 })
  expect(await stock.decrement('sku')).toMatchObject({ ok: false, reason: 'floor' })
}, 1_800_000)

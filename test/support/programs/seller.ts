// Decrements one stock a given number of times: by calls, by committed reservations, and by abandoned ones. Prints
// the sum.
import { connect, createCounters } from '@penknife/core'
import { Redis } from 'ioredis'

const { SELLER_URL = '', SELLER_ATTEMPTS = '0', SELLER_STOCK = '0' } = process.env
const attempts = Number(SELLER_ATTEMPTS)
const penknife = connect(new Redis(SELLER_URL, { lazyConnect: true }), { deadline: 30_000 })
const stock = createCounters(penknife.space('shop'), 'stock', { initial: Number(SELLER_STOCK) })
let made = 0
let taken = 0

async function attempt(at: number): Promise<void> {
  if (at % 3 === 0) {
    if ((await stock.decrement('sku')).ok) taken += 1
    return
  }
  const reserved = await stock.reserve([{ counter: 'sku', by: -1 }], { expires: 1000 })
  if (!reserved.ok || at % 3 === 1) return
  if ((await reserved.reservation.commit()).state === 'committed') taken += 1
}

async function caller(): Promise<void> {
  while (made < attempts) await attempt(made++)
}

await Promise.all(Array.from({ length: 100 }, caller))
await penknife.close()
console.log(`took ${taken} in ${made}`)

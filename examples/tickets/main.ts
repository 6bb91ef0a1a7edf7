/**
 * Three buyers and two seats, with reservations, payments that run once, and a fenced write: `pnpm example tickets`.
 */
import { setTimeout as delay } from 'node:timers/promises'

import { Redis } from 'ioredis'

import { connect, createCounters, createLock, createObjects, createOnce } from '@penknife/core'

import { redisUrl } from '../redis.ts'

const penknife = connect(new Redis(await redisUrl(), { lazyConnect: true }))
const hall = penknife.space('hall')
const seats = createCounters(hall, 'seats', { initial: 2 })
const payments = createOnce(hall, 'payments', { window: '1d' })
const lock = createLock(hall, 'plans')
const plans = createObjects<{ sold: readonly string[] }>(hall, 'plans')

/** A seat for a buyer, whose browser may send the order twice. */
async function buy(buyer: string, pays: boolean): Promise<void> {
  const order = `${buyer}-1`
  const answer = await seats.reserve([{ counter: 'show-7', by: -1 }], { expires: '1s', id: order })
  if (!answer.ok) return console.log(`${buyer}: sold out`)
  // A buyer that closes the browser gives the seat back in a second.
  if (!pays) return console.log(`${buyer}: reserved, and left`)
  const paid = await payments.run(order, () => ({ receipt: `receipt of ${buyer}` }))
  if (paid.status !== 'done') return
  const { state, repeated } = await answer.reservation.commit()
  console.log(`${buyer}: ${state}${repeated ? ' before' : ''}, ${paid.result.receipt}`)
  if (repeated) return
  // One process at a time draws the plan. The fence keeps a process whose lease has ended from overwriting it.
  await lock.run('show-7', async ({ fence }) => {
    const plan = await plans.get('show-7')
    const sold = [...(plan?.value.sold ?? []), buyer]
    await plans.set('show-7', { sold }, { fence: { key: 'show-7', token: fence } })
  })
}

await buy('ann', true)
await buy('bob', false)
await buy('cem', true)
await buy('ann', true)
await delay(1100)
await buy('cem', true)

const plan = await plans.get('show-7')
const [left] = await seats.read(['show-7'])
console.log(`sold to ${plan?.value.sold.join(' and ')}, ${left?.available} left`)
await penknife.close()
process.exit()

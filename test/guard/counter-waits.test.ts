import { connect, createCounters, type Counters, type CountersOptions, type Penknife } from '@penknife/core'
import { expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()
const WAITS = { wait: '30s' } as const

/** The counters of a process of its own. */
async function open(options: CountersOptions = {}): Promise<Counters & { readonly penknife: Penknife }> {
  const penknife = await openReady(pattern(bench.server.url))
  return { ...createCounters(penknife.space('shop'), 'stock', options), penknife }
}

/** So many processes follow the channel of the nudges. */
function waiting(processes: number = 1): Promise<void> {
  const channel = 'pk1:{shop}:counter:stock:nudges:live'
  return until('they follow the channel', async () => {
    const [, count] = (await bench.raw.call('PUBSUB', 'SHARDNUMSUB', channel)) as [string, number]
    return count === processes
  })
}

test('a waiting caller gets the stock that another process adds', async () => {
  const [buyer, seller] = [await open(), await open()]
  const bought = buyer.decrement('sku-1', 2, WAITS)
  await waiting()
  await seller.increment('sku-1')
  await seller.increment('sku-1')
  expect(await bought).toMatchObject({ ok: true, value: 0 })
})

test('a waiting reservation gets the stock of a cancelled one', async () => {
  const [one, two] = [await open({ initial: 1 }), await open({ initial: 1 })]
  const first = await one.reserve([{ counter: 'a', by: -1 }], { expires: '10m' })
  if (!first.ok) throw new Error('refused')
  const second = two.reserve([{ counter: 'a', by: -1 }], { expires: '10m', ...WAITS })
  await waiting()
  await first.reservation.cancel()
  expect(await second).toMatchObject({ ok: true, repeated: false })
})

test('a waiting caller gets the stock of an expired reservation, though no process calls', async () => {
  const [one, two] = [await open({ initial: 1 }), await open({ initial: 1 })]
  await one.reserve([{ counter: 'a', by: -1 }], { expires: '1s' })
  expect(await two.decrement('a', 1, WAITS)).toMatchObject({ ok: true, value: 0 })
})

test('a reservation that is made while a caller waits, and expires, wakes it', async () => {
  const [one, two] = [await open(), await open()]
  const bought = two.decrement('a', 1, WAITS)
  await waiting()
  // In one tick: the waiting caller cannot take it in between.
  const [, held] = await Promise.all([
    one.increment('a'),
    one.reserve([{ counter: 'a', by: -1 }], { expires: '1s' }),
  ])
  expect(held.ok).toBe(true)
  expect(await bought).toMatchObject({ ok: true, value: 0 })
})

test('a caller waits for room below a ceiling, too', async () => {
  const [one, two] = [await open({ ceiling: 1 }), await open({ ceiling: 1 })]
  await one.increment('a')
  const added = two.increment('a', 1, WAITS)
  await waiting()
  await one.decrement('a')
  expect(await added).toMatchObject({ ok: true, value: 1 })
})

test('waiting callers do not poll, and changes of other counters do not wake them', async () => {
  const [buyer, seller] = [await open(), await open()]
  const bought = Promise.all(Array.from({ length: 20 }, () => buyer.decrement('a', 1, WAITS)))
  await waiting()
  await seller.increment('b', 5)
  await bench.raw.config('RESETSTAT')
  await seller.increment('b', 5)
  await seller.decrement('b', 5)
  await seller.increment('a', 20)
  expect((await bought).every(({ ok }) => ok)).toBe(true)
  // Three calls of the seller, one of the twenty callers, and at most the one after the subscription.
  expect(await callsOf(bench.raw, 'evalsha')).toBeLessThanOrEqual(6)
})

test('the end of the wait resolves with the refusal, and a signal rejects with its reason', async () => {
  const stock = await open()
  expect(await stock.decrement('a', 1, { wait: 20 })).toMatchObject({ ok: false, reason: 'floor' })
  expect(await stock.decrement('a', 1, { wait: 0 })).toMatchObject({ ok: false, reason: 'floor' })
  const aborts = new AbortController()
  const waits = stock.reserve([{ counter: 'a', by: -1 }], { expires: '1m', signal: aborts.signal, ...WAITS })
  await waiting()
  aborts.abort(new Error('gone'))
  await expect(waits).rejects.toThrow('gone')
  await waiting(0)
  const wrong = { signal: new AbortController() as never }
  const refused = { code: 'PENKNIFE_INVALID', option: 'signal' }
  await expect(stock.increment('a', 1, wrong)).rejects.toMatchObject(refused)
  await expect(stock.reserve([{ counter: 'a', by: 1 }], { expires: '1m', ...wrong })).rejects.toMatchObject(
    refused,
  )
})

test('closing penknife ends the waiting', async () => {
  const stock = await open()
  const waits = failure(stock.decrement('a', 1, WAITS))
  await waiting()
  await stock.penknife.close()
  expect((await waits).code).toBe('PENKNIFE_CLOSED')
})

test('a user that may not publish or subscribe waits, and asks by a timer', async () => {
  const { raw, server } = bench
  await raw.call(
    'ACL',
    'SETUSER',
    'quiet',
    'on',
    '>secret',
    '~*',
    'resetchannels',
    '+@all',
    '-ssubscribe',
    '-spublish',
  )
  await raw.config('RESETSTAT')
  const url = server.url.replace('://', '://quiet:secret@')
  const penknife = connect(pattern(url))
  const buyer = createCounters(penknife.space('shop'), 'stock')
  const bought = buyer.decrement('a', 1, WAITS)
  // The declaration and the change.
  await until('it asked', async () => (await callsOf(raw, 'evalsha')) >= 2)
  await (await open()).increment('a')
  expect(await bought).toMatchObject({ ok: true })
  await penknife.close()
  await raw.call('ACL', 'DELUSER', 'quiet')
})

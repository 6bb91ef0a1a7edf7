import { expect, test } from 'vitest'

import { available, failure, openReady } from '../support/connect.ts'
import { counters } from '../support/counters.ts'
import { startProxy } from '../support/proxy.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

test('more than maxPending calls are refused at once, and calls pass again when room is made', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { maxPending: 20 })
  const count = counters(penknife.space('shop'), 15_000)
  await count('a')
  await proxy.leave()
  await until('penknife noticed', async () => (await penknife.health()).status === 'unavailable')
  const settled: string[] = []
  const waiting = Array.from({ length: 20 }, () => count('a').finally(() => settled.push('waiting')))
  const refused = await failure(count('a'))
  expect(refused).toMatchObject({ code: 'PENKNIFE_OVERLOADED', fate: 'not-done' })
  expect(refused.message).toMatch(/20 calls .*maxPending/)
  expect(settled).toEqual([])
  await proxy.comeBack()
  expect((await Promise.all(waiting)).at(-1)).toBe(21)
  expect(await count('a')).toBe(22)
})

test('more than maxPendingBytes are refused at once', async () => {
  const penknife = await openReady(pattern(bench.server.url), { maxPendingBytes: 2048 })
  const count = counters(penknife.space('shop'), 5000)
  const long = 'n'.repeat(900)
  const fit = [count(long), count(long)]
  expect(await failure(count(long))).toMatchObject({ code: 'PENKNIFE_OVERLOADED' })
  // A short one still fits.
  expect(await count('a')).toBe(1)
  expect(await Promise.all(fit)).toEqual([1, 2])
  expect(await count(long)).toBe(3)
})

test('bytes are counted, not characters', async () => {
  const penknife = await openReady(pattern(bench.server.url), { maxPendingBytes: 2048 })
  const count = counters(penknife.space('shop'), 5000)
  expect(await failure(count('€'.repeat(700)))).toMatchObject({ code: 'PENKNIFE_OVERLOADED' })
})

test('calls that failed make room: none of them stays counted', async () => {
  const proxy = await startProxy(bench.server)
  const penknife = await openReady(pattern(proxy.url), { maxPending: 5, deadline: 200 })
  const count = counters(penknife.space('shop'), 100)
  await bench.raw.set('pk1:{shop}:board:bad', 'x')
  await Promise.all(Array.from({ length: 5 }, () => failure(counters(penknife.space('shop'))('bad'))))
  await bench.raw.script('FLUSH')
  await counters(penknife.space('shop'))('a')
  for (const end of [async () => proxy.swallowReplies(), () => proxy.leave()]) {
    await end()
    const errors = await Promise.all(Array.from({ length: 5 }, () => failure(count('a'))))
    expect(errors.map(({ code }) => code)).not.toContain('PENKNIFE_OVERLOADED')
    proxy.pass()
    proxy.cut()
    await proxy.leave()
    await proxy.comeBack()
    await available(penknife)
    await until('nothing is pending', async () => (await penknife.health()).pending === 0)
  }
})

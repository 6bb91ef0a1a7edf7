import { createHash } from 'node:crypto'

import { connect, createCounters, createDeduper, createLock, createOnce, type Penknife } from '@penknife/core'
import { createRequestClaims } from '@penknife/core/internal'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { available } from '../support/connect.ts'
import { clusterPattern, useCluster } from '../support/redis.ts'
import { spacesOnAll } from '../support/spaces.ts'
import { until } from '../support/until.ts'

const bench = useCluster()
let all: Penknife[] = []
beforeAll(async () => {
  all = [connect(clusterPattern(bench.cluster)), connect(clusterPattern(bench.cluster))]
  await Promise.all(all.map(available))
})
afterAll(() => Promise.all(all.map((penknife) => penknife.close())))

test('on a cluster, locks of every master are handed over at once to who waits in another process', async () => {
  const [one, two] = all as [Penknife, Penknife]
  const turns = spacesOnAll(one).map(async ({ name }) => {
    const held = await createLock(one.space(name), 'orders').acquire('a')
    const waiting = createLock(two.space(name), 'orders')
    const next = waiting.acquire('a')
    await until('it waits', async () => (await waiting.look('a')).waiting === 1)
    const released = performance.now()
    await held?.release()
    expect(await next).toBeDefined()
    // Not when the lease ends.
    expect(performance.now() - released).toBeLessThan(5000)
  })
  await Promise.all(turns)
})

test('on a cluster, counters, once and a deduper work in the spaces of every master', async () => {
  const [one, two] = all as [Penknife, Penknife]
  for (const { name } of spacesOnAll(one)) {
    const stock = createCounters(one.space(name), 'stock', { initial: 5 })
    const made = await stock.reserve([{ counter: 'a', by: -3 }], { expires: '1m' })
    if (!made.ok) throw new Error('refused')
    const end = createCounters(two.space(name), 'stock', { initial: 5 }).commit(made.reservation.id)
    expect(await end).toEqual({ state: 'committed', repeated: false })
    const body = (): string => 'mine'
    expect(await createOnce(one.space(name), 'o', { window: '1m' }).run('x', body)).toMatchObject({
      first: true,
    })
    expect(await createOnce(two.space(name), 'o', { window: '1m' }).run('x', body)).toMatchObject({
      first: false,
    })
    const ids = Array.from({ length: 50 }, (_, at) => `id-${at}`)
    const seen = createDeduper(one.space(name), 'd', { window: '1m' })
    expect((await seen.claimMany(ids)).every(Boolean)).toBe(true)
    expect((await seen.claimMany(ids)).some(Boolean)).toBe(false)
  }
})

test('on a cluster, idempotent requests are spread over the servers, and other processes find their responses', async () => {
  const [one, two] = all.map((penknife) => createRequestClaims(penknife.space('shop'), 'http', {}))
  if (!one || !two) throw new Error('two processes')
  const ids = Array.from({ length: 60 }, (_, at) => createHash('sha256').update(`${at}`).digest('base64url'))
  const print = ids[0] as string
  for (const id of ids) {
    const state = await one.begin(id, print, { waitMs: 0 })
    if (state.state !== 'claimed') throw new Error(state.state)
    const waiting = two.begin(id, print, { waitMs: 10_000 })
    await state.claim.store('done', id)
    expect(await waiting).toEqual({ state: 'done', stored: id })
  }
  const sizes = await Promise.all(
    bench.raws.map(async (raw) => (await raw.keys('pk1:{shop/*:request:*')).length),
  )
  expect(sizes.filter((size) => size > 5).length).toBe(bench.raws.length)
})

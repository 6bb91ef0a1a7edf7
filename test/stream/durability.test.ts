import { createStream } from '@penknife/core'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { openOrders } from '../support/orders.ts'
import { freeze, ownRedis, pattern, useRedis } from '../support/redis.ts'
import { hasWaitAof, startPair } from '../support/replicas.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

test('a replicated add that is confirmed survives the loss of the master', async () => {
  const { master, replica } = await startPair()
  const orders = createStream<number>((await openReady(pattern(master.url))).space('shop'), 'orders', {
    groups: ['billing'],
    durability: 'replicated',
  })
  const ids = await Promise.all(Array.from({ length: 200 }, (_, at) => orders.add(at)))
  await master.kill()
  const raw = new Redis(replica.socket)
  onTestFinished(() => raw.disconnect())
  await raw.replicaof('NO', 'ONE')
  const after = createStream<number>((await openReady(pattern(replica.url))).space('shop'), 'orders', {
    groups: ['billing'],
  })
  const handled: string[] = []
  const { saw } = startWorker(after, 'billing', ({ id }) => void handled.push(id))
  await saw('done', 200)
  expect(handled.toSorted()).toEqual(ids.toSorted())
})

test('an add that no replica confirms fails and names the stream; the entry exists, and its dedup id returns it', async () => {
  const { master, replica } = await startPair()
  const penknife = await openReady(pattern(master.url), { deadline: 300 })
  const orders = createStream<number>(penknife.space('shop'), 'orders', { durability: 'replicated' })
  const first = await orders.add(0, { id: 'zero' })
  freeze(replica)
  const error = await failure(orders.add(1, { id: 'one' }))
  expect(error).toMatchObject({ code: 'PENKNIFE_NOT_DURABLE', fate: 'unknown' })
  expect((await orders.read()).items.map(({ payload }) => payload)).toEqual([0, 1])
  // What an earlier call added is not confirmed by answering that it is there.
  expect(await failure(orders.add(1, { id: 'one' }))).toMatchObject({ code: 'PENKNIFE_NOT_DURABLE' })
  expect(await failure(orders.add(0, { id: 'zero' }))).toMatchObject({ code: 'PENKNIFE_NOT_DURABLE' })
  replica.thaw()
  await expect(orders.add(0, { id: 'zero' })).resolves.toBe(first)
  await expect(orders.add(1, { id: 'one' })).resolves.toBe((await orders.read()).items[1]!.id)
})

test('fsynced adds are confirmed by servers that support it, and refused by others before anything is written', async () => {
  const server = await ownRedis({ persist: true })
  const orders = createStream<number>((await openReady(pattern(server.url))).space('shop'), 'orders', {
    durability: 'fsynced',
  })
  const raw = new Redis(server.socket)
  onTestFinished(() => raw.disconnect())
  if (await hasWaitAof(raw)) {
    const id = await orders.add(1)
    await server.restart()
    expect(await raw.xrange('pk1:{shop}:stream:orders', id, id)).toHaveLength(1)
    return
  }
  const error = await failure(orders.add(1))
  expect(error).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
  expect(error.message).toMatch(/'fsynced' needs Redis 7.2/)
  expect(await raw.exists('pk1:{shop}:stream:orders')).toBe(0)
})

test.each([
  ['durability', { durability: 'sure' }],
  ['replicas', { replicas: 1 }],
  ['replicas', { durability: 'replicated', replicas: 0 }],
  ['replicas', { durability: 'fsynced', replicas: 101 }],
])('%s is checked at creation', async (option, options) => {
  await expect(openOrders(bench, options as object)).rejects.toMatchObject({
    code: 'PENKNIFE_INVALID',
    option,
  })
})

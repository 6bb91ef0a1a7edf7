import { createLock, createSemaphore, type LockEvent } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { freeze, ownRedis, pattern } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { LOCK, take, useLocks } from './locks.ts'
import { renewedFor } from './renewals.ts'

const { bench, leaseEnd, open, penknifeOf } = useLocks()

describe('a lease', () => {
  test('is renewed for as long as it is held', async () => {
    const lock = await open({ lease: '1s' })
    const held = await take(lock)
    await renewedFor(1000, leaseEnd)
    expect(held.signal.aborted).toBe(false)
    expect(held.leftMs).toBeGreaterThan(0)
    expect(await held.release()).toBe(true)
  })

  test('is not renewed for longer than maxHold', async () => {
    const lock = await open({ lease: '1s', maxHold: '1s' })
    const held = await take(lock)
    const lost = deferred<unknown>()
    held.signal.addEventListener('abort', () => lost.resolve(held.signal.reason))
    expect(await lost.promise).toMatchObject({ code: 'PENKNIFE_LEASE_LOST' })
    expect(held.leftMs).toBe(0)
  })

  test('that another process has is lost at the next renewal, and releasing it changes nothing', async () => {
    const lock = await open({ lease: '1s' })
    const held = await take(lock)
    const events: LockEvent[] = []
    lock.on((event) => events.push(event))
    const others = `${(Date.now() + 60_000) * 1000} 9 other:1 other`
    await bench.raw.set(LOCK, others)
    await until('it is lost', () => held.signal.aborted)
    const { fence, signal } = held
    expect(events).toEqual([
      { kind: 'lost', space: 'shop', name: 'orders', keys: ['a'], fence, error: signal.reason as unknown },
    ])
    expect(await held.release()).toBe(false)
    expect(await bench.raw.get(LOCK)).toBe(others)
  })

  test('is lost here before it ends in Redis, when Redis is silent', async () => {
    const server = await ownRedis()
    const penknife = await openReady(pattern(server.url), { deadline: 400 })
    const lock = createLock(penknife.space('shop'), 'orders', { lease: '1s' })
    const held = await take(lock)
    const taken = performance.now()
    const lost = deferred()
    held.signal.addEventListener('abort', () => lost.resolve())
    freeze(server)
    await lost.promise
    expect(performance.now() - taken).toBeLessThan(1100)
    expect(held.signal.reason).toMatchObject({ code: 'PENKNIFE_LEASE_LOST' })
  })

  test('is released when penknife is closed', async () => {
    const penknife = await penknifeOf()
    const held = await take(createLock(penknife.space('shop'), 'orders'))
    await penknife.close()
    expect(held.signal.aborted).toBe(true)
    expect(await (await open()).tryAcquire('a')).toBeDefined()
  })
})

test('when Redis is away acquiring fails, and await using does not', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url), { deadline: 300 })
  const lock = createLock(penknife.space('shop'), 'orders')
  const held = await take(lock)
  await server.kill()
  expect((await failure(lock.acquire('b'))).fate).toBeDefined()
  await held[Symbol.asyncDispose]()
  await failure(held.release())
})

test('locks and permits that are granted while penknife closes are released', async () => {
  const penknife = await penknifeOf()
  const space = penknife.space('shop')
  const [lock, jobs] = [createLock(space, 'orders'), createSemaphore(space, 'jobs', { size: 3 })]
  const asked = [
    lock.acquire('a'),
    lock.tryAcquire('b'),
    lock.tryAcquire('c', { label: 'own' }),
    lock.acquire(['d', 'e']),
    jobs.tryAcquire('a'),
  ].map(failure)
  await penknife.close()
  expect((await Promise.all(asked)).map(({ code }) => code)).toEqual(asked.map(() => 'PENKNIFE_CLOSED'))
  expect(await bench.raw.keys('pk1:{shop}:lock:*')).toEqual([])
  expect(await bench.raw.keys('pk1:{shop}:permit*')).toEqual([])
})

test('an error of the body is thrown, and its result returned, also when the release fails', async () => {
  const space = (await penknifeOf()).space('shop')
  const [lock, jobs] = [createLock(space, 'orders'), createSemaphore(space, 'jobs', { size: 1 })]
  const spoil = async (key: string): Promise<void> =>
    void (await bench.raw.multi().del(key).lpush(key, 'no lease').exec())
  const fail = async (key: string): Promise<never> => {
    await spoil(key)
    throw new Error('of the body')
  }
  await expect(lock.run('a', () => fail(LOCK))).rejects.toThrow('of the body')
  await expect(jobs.run('a', () => fail('pk1:{shop}:permit:jobs:a'))).rejects.toThrow('of the body')
  expect(await failure(lock.run('b', () => spoil('pk1:{shop}:lock:orders:b')))).toMatchObject({
    code: 'PENKNIFE_REJECTED',
  })

  const penknife = await penknifeOf()
  const closing = penknife.space('shop')
  let began = 0
  const closed = async (): Promise<string> => {
    began++
    await until('both run', () => began === 2)
    await penknife.close()
    return 'the result'
  }
  const runs = [
    createLock(closing, 'orders').run('c', closed),
    createSemaphore(closing, 'jobs', { size: 1 }).run('c', closed),
  ]
  const done = { acquired: true, result: 'the result' }
  expect(await Promise.all(runs)).toEqual([done, done])
})

import { createLock, type Lock } from '@penknife/core'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { callsOf, freeze, pattern } from '../support/redis.ts'
import { CHANNEL, LOCK, QUEUE, take, useLocks } from './locks.ts'
import { renewedFor } from './renewals.ts'

const { bench, leaseEnd, open, penknifeOf, waiting } = useLocks()

describe('waiting callers', () => {
  test('get it first come, first served, over processes, and do not poll', async () => {
    const lease = '3s'
    const locks = [await open({ lease }), await open({ lease }), await open({ lease })] as const
    const order: number[] = []
    const held = await take(locks[0])
    const turns: Promise<void>[] = []
    for (let at = 0; at < 12; at++) {
      turns.push(
        take(locks[at % 3] as Lock).then(async (mine) => {
          order.push(at)
          await mine.release()
        }),
      )
      await waiting(at + 1)
    }
    await bench.raw.config('RESETSTAT')
    await renewedFor(100, leaseEnd)
    // The renewal; and on a slow machine each process asks once for each lease.
    expect(await callsOf(bench.raw, 'evalsha')).toBeLessThanOrEqual(4)
    await held.release()
    await Promise.all(turns)
    expect(order).toEqual(Array.from({ length: 12 }, (_, at) => at))
    // Release and take for each; and renewals and timers.
    expect(await callsOf(bench.raw, 'evalsha')).toBeLessThanOrEqual(12 * 2 + 8)
  })

  test('are not passed by one that only tries', async () => {
    const [one, two] = [await open(), await open()]
    const held = await take(one)
    const next = take(two)
    await waiting(1)
    await held.release()
    expect(await one.tryAcquire('a')).toBeUndefined()
    await (await next).release()
    expect(await one.tryAcquire('a')).toBeDefined()
  })

  test('leave the queue when their time is over or their signal is aborted', async () => {
    const [one, two] = [await open(), await open()]
    const held = await take(one)
    expect(await two.acquire('a', { wait: 50 })).toBeUndefined()
    const aborts = new AbortController()
    const aborted = two.acquire('a', { signal: aborts.signal })
    await waiting(1)
    aborts.abort(new Error('gone'))
    await expect(aborted).rejects.toThrow('gone')
    await waiting(0)
    await held.release()
    expect(await one.tryAcquire('a')).toBeDefined()
  })

  test('of a dead process are passed over at once', async () => {
    const [one, two] = [await open(), await open()]
    const held = await take(one)
    await bench.raw.zadd(QUEUE, 1, 'dead:1', 2, 'dead:2')
    const next = take(two)
    await waiting(3)
    const released = performance.now()
    await held.release()
    await next
    expect(performance.now() - released).toBeLessThan(300)
    await waiting(0)
  })

  test('of a paused process delay the others by half a second', async () => {
    const [one, two] = [await open(), await open()]
    const frozen = new Redis(bench.server.socket)
    onTestFinished(() => frozen.disconnect())
    await frozen.ssubscribe(`${CHANNEL}frozen`)
    const held = await take(one)
    await bench.raw.zadd(QUEUE, 1, 'frozen:1')
    const next = take(two)
    await waiting(2)
    const released = performance.now()
    await held.release()
    expect((await two.look('a')).held).toBe(false)
    await next
    expect(performance.now() - released).toBeGreaterThan(400)
    expect(performance.now() - released).toBeLessThan(3000)
  })

  test('keep their place when their subscription is cut, and get a lock that was freed in between', async () => {
    const [one, two, three] = [await open(), await open(), await open()]
    const held = await take(one)
    const order: string[] = []
    const second = take(two).then((mine) => {
      order.push('second')
      return mine.release()
    })
    await waiting(1)
    const third = take(three).then((mine) => {
      order.push('third')
      return mine.release()
    })
    await waiting(2)
    await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await held.release()
    await Promise.all([second, third])
    expect(order).toHaveLength(2)
    await waiting(0)
  })

  test('get the lock of a dead holder when its lease is over', async () => {
    const lock = await open({ lease: '1s' })
    const [seconds = 0] = (await bench.raw.time()).map(Number)
    await bench.raw.set(LOCK, `${(seconds + 2) * 1e6} 5 dead:1 somebody`, 'PX', 3000)
    expect(await lock.look('a')).toMatchObject({ held: true, label: 'somebody', fence: 5 })
    const held = await take(lock)
    expect(held.fence).toBeGreaterThan(5)
  })

  test('of a user that may not subscribe get the lock when the lease of the holder is over', async () => {
    await bench.raw.call('ACL', 'SETUSER', 'deaf', 'on', '>x', '~*', '&*', '+@all', '-ssubscribe')
    const penknife = await openReady(pattern(bench.server.url, { username: 'deaf', password: 'x' }))
    const lock = createLock(penknife.space('shop'), 'orders', { lease: '1s' })
    const held = await take(await open({ lease: '1s', maxHold: '1s' }))
    const next = await take(lock)
    expect(next.fence).toBeGreaterThan(held.fence)
  })

  test('fail when penknife is closed', async () => {
    const penknife = await penknifeOf()
    const lock = createLock(penknife.space('shop'), 'orders')
    const held = await take(await open())
    const next = failure(take(lock))
    await waiting(1)
    await penknife.close()
    expect((await next).code).toBe('PENKNIFE_CLOSED')
    await waiting(0)
    await held.release()
  })

  test('leave the queue when penknife is closed while their question is on its way', async () => {
    const penknife = await penknifeOf()
    const lock = createLock(penknife.space('shop'), 'orders')
    const held = await take(await open())
    const first = failure(take(lock))
    await waiting(1)
    freeze(bench.server)
    const second = failure(take(lock))
    const closed = penknife.close()
    bench.server.thaw()
    expect([(await first).code, (await second).code]).toEqual(['PENKNIFE_CLOSED', 'PENKNIFE_CLOSED'])
    await closed
    await waiting(0)
    await held.release()
  })
})

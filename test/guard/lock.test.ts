import {
  createLock,
  createSemaphore,
  type HeldLock,
  type Lock,
  type LockEvent,
  type LockOptions,
  type Penknife,
} from '@penknife/core'
import * as fc from 'fast-check'
import { Redis } from 'ioredis'
import { describe, expect, onTestFinished, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { callsOf, freeze, ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { renewedFor } from './renewals.ts'

const bench = useRedis()
const LOCK = 'pk1:{shop}:lock:orders:a'
const QUEUE = 'pk1:{shop}:lock-queue:orders:a'
const CHANNEL = 'pk1:{shop}:lock-process:orders::live'

async function penknifeOf(): Promise<Penknife> {
  return openReady(pattern(bench.server.url))
}

/** A lock of a process of its own. */
async function open(options: LockOptions = {}): Promise<Lock> {
  return createLock((await penknifeOf()).space('shop'), 'orders', options)
}

async function take(lock: Lock, keys: string | string[] = 'a'): Promise<HeldLock> {
  const held = await lock.acquire(keys)
  if (!held) throw new Error('not acquired')
  return held
}

/** When the lease of the lock ends in Redis, in microseconds. */
const leaseEnd = async (): Promise<number> => Number((await bench.raw.get(LOCK))?.split(' ')[0])

const waiting = (count: number, queue: string = QUEUE): Promise<void> =>
  until(`${count} wait`, async () => (await bench.raw.zcard(queue)) === count)

describe('a lock', () => {
  test('has one holder at a time, whose fence is greater than all before it and at least the time', async () => {
    const [one, two] = [await open(), await open({ label: 'second' })]
    const first = await take(one)
    expect(await two.tryAcquire('a')).toBeUndefined()
    expect((await two.tryAcquire('b'))?.fence).toBeGreaterThan(first.fence)
    expect(first.fence).toBeGreaterThan((Date.now() - 60_000) * 1000)
    expect(await first.release()).toBe(true)
    const second = await take(two)
    expect(second.fence).toBeGreaterThan(first.fence)
    expect(await first.release()).toBe(true)
    expect(await one.look('a')).toMatchObject({
      held: true,
      label: 'second',
      fence: second.fence,
      waiting: 0,
    })
  })

  test('leaves nothing in Redis but the last fence of the space', async () => {
    const lock = await open()
    await (await take(lock)).release()
    expect(await bench.raw.keys('*')).toEqual(['pk1:{shop}:fence:last'])
    expect(await lock.look('a')).toEqual({
      held: false,
      label: null,
      fence: null,
      leaseLeftMs: 0,
      waiting: 0,
    })
  })

  test('fences go on rising when the clock was set back, and when all data were lost', async () => {
    const lock = await open()
    const ahead = (Date.now() + 3_600_000) * 1000
    await bench.raw.set('pk1:{shop}:fence:last', ahead)
    const first = await take(lock)
    expect(first.fence).toBe(ahead + 1)
    await first.release()
    const [seconds = 0, us = 0] = (await bench.raw.time()).map(Number)
    await bench.raw.flushall()
    expect((await take(lock)).fence).toBeGreaterThanOrEqual(seconds * 1e6 + us)
  })

  test('is released by await using and by run, whatever happens in it', async () => {
    const lock = await open()
    {
      await using held = await lock.acquire('a')
      expect(held?.leftMs).toBeGreaterThan(5000)
    }
    const failed = lock.run('a', () => Promise.reject(new Error('mine')))
    await expect(failed).rejects.toThrow('mine')
    expect(await lock.run('a', ({ fence }) => fence > 0)).toEqual({ acquired: true, result: true })
    const held = await take(lock)
    expect(await lock.run('a', () => 1, { wait: 0 })).toEqual({ acquired: false })
    await held.release()
  })

  test('of one tick are one command each way', async () => {
    const lock = await open()
    await (await take(lock)).release()
    await bench.raw.config('RESETSTAT')
    const held = await Promise.all(Array.from({ length: 50 }, (_, at) => take(lock, `k${at}`)))
    await Promise.all(held.map((one) => one.release()))
    expect(await callsOf(bench.raw, 'evalsha')).toBe(2)
  })
})

describe('waiting callers', () => {
  test('get it first come, first served, over processes, and do not poll', async () => {
    const lease = '1s'
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

describe('several keys', () => {
  test('are taken all or none', async () => {
    const [one, two] = [await open(), await open()]
    const held = await take(one, 'b')
    expect(await two.tryAcquire(['a', 'b'])).toBeUndefined()
    const a = await two.tryAcquire('a')
    expect(a).toBeDefined()
    await a?.release()
    await held.release()
    const both = await take(two, ['b', 'a', 'b'])
    expect(both.keys).toEqual(['a', 'b'])
    expect([await one.look('a'), await one.look('b')]).toMatchObject([
      { held: true, fence: both.fence },
      { held: true, fence: both.fence },
    ])
    expect(await both.release()).toBe(true)
    expect(await one.tryAcquire(['a', 'b'])).toBeDefined()
  })

  test('are waited for in all queues, without a deadlock', async () => {
    const locks = [await open(), await open(), await open()]
    const sets = [['a', 'b'], ['b', 'c'], ['c', 'a'], ['a'], ['b'], ['c'], ['a', 'b', 'c']]
    const holders = new Map<string, number>()
    let most = 0
    const runs = Array.from({ length: 210 }, async (_, at) => {
      const keys = sets[at % sets.length] as string[]
      const answer = await (locks[at % 3] as Lock).run(keys, async () => {
        for (const key of keys) {
          holders.set(key, (holders.get(key) ?? 0) + 1)
          most = Math.max(most, holders.get(key) as number)
        }
        await new Promise((resolve) => setImmediate(resolve))
        for (const key of keys) holders.set(key, (holders.get(key) as number) - 1)
      })
      expect(answer.acquired).toBe(true)
    })
    await Promise.all(runs)
    expect(most).toBe(1)
  })
})

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

test('wrong options and keys are refused', async () => {
  const wrong: LockOptions[] = [{ lease: 10 }, { maxHold: '1s' }, { wait: '2d' }, { label: '' }]
  for (const options of wrong) expect((await failure(open(options))).option).toBe(Object.keys(options)[0])
  const lock = await open()
  for (const keys of [[], '', ['a\n'], Array.from({ length: 17 }, (_, at) => `k${at}`)])
    expect((await failure(lock.acquire(keys))).code).toBe('PENKNIFE_INVALID')
})

test('calls of one tick get the answers that they would get one after the other', async () => {
  const penknife = await penknifeOf()
  const key = fc.constantFrom('a', 'b', 'c', 'd')
  const step = fc.record({
    kind: fc.constantFrom('take', 'take', 'release', 'drop'),
    keys: fc.array(key, { minLength: 1, maxLength: 6 }),
  })
  let spaces = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 20 }), async (steps) => {
      const [together, alone] = [0, 1].map(() => {
        const space = `tick${spaces++}`
        return { space, lock: createLock(penknife.space(space), 'orders'), held: new Map<string, HeldLock>() }
      }) as [Side, Side]
      for (const { kind, keys } of steps) {
        if (kind === 'drop') {
          for (const { space } of [together, alone])
            await bench.raw.del(...keys.map((each) => `pk1:{${space}}:lock:orders:${each}`))
          continue
        }
        const call = kind === 'take' ? takenBy : releasedBy
        const answers = await Promise.all(keys.map((each) => call(together, each)))
        for (const [at, each] of keys.entries()) expect(await call(alone, each)).toBe(answers[at])
      }
    }),
    { numRuns: 40, seed: 7 },
  )
})

interface Side {
  readonly space: string
  readonly lock: Lock
  /** The last lease of each key. */
  readonly held: Map<string, HeldLock>
}

async function takenBy({ lock, held }: Side, key: string): Promise<boolean> {
  const lease = await lock.tryAcquire(key)
  if (lease) held.set(key, lease)
  return lease !== undefined
}

async function releasedBy({ held }: Side, key: string): Promise<boolean | undefined> {
  return held.get(key)?.release()
}

import { createLock, createSemaphore, type HeldLock, type Lock, type LockOptions } from '@penknife/core'
import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { callsOf } from '../support/redis.ts'
import { cases } from '../support/until.ts'
import { take, useLocks } from './locks.ts'

const { bench, open, penknifeOf } = useLocks()

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
    const runs = Array.from({ length: 105 }, async (_, at) => {
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

test('wrong options and keys are refused', async () => {
  const wrong: LockOptions[] = [{ lease: 10 }, { maxHold: '1s' }, { wait: '2d' }, { label: '' }]
  for (const options of wrong) expect((await failure(open(options))).option).toBe(Object.keys(options)[0])
  const lock = await open()
  for (const keys of [[], '', ['a\n'], Array.from({ length: 17 }, (_, at) => `k${at}`)])
    expect((await failure(lock.acquire(keys))).code).toBe('PENKNIFE_INVALID')
  const controller = { signal: new AbortController() as never }
  expect((await failure(lock.acquire('a', controller))).option).toBe('signal')
  expect((await failure(lock.run('a', () => 1, controller))).option).toBe('signal')
  const waits = failure(lock.tryAcquire('a', { wait: '5s' } as never))
  expect((await waits).message).toContain("tryAcquire option 'wait'")
  expect(await lock.look('a')).toMatchObject({ held: false, waiting: 0 })
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
    cases(40, 1000),
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

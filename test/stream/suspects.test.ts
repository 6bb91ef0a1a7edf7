import { expect, test } from 'vitest'

import { startProgram } from '../support/child.ts'
import { deferred } from '../support/deferred.ts'
import { immediatesOf } from '../support/immediates.ts'
import { abandon, addNumbers, deadLettersOf, openOrders, ORDERS, readyOf } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }

/** Suspects that are ready, with the attempts that they have used up. */
async function vanished(count: number, used: number): Promise<void> {
  for (let at = 1; at <= count; at++) {
    const fields = { i: `1-${at}`, a: used, f: 1, d: at, v: 1 }
    await bench.raw.xadd(readyOf('billing'), '*', ...Object.entries(fields).flat())
  }
}

test('a payload that kills its process becomes a dead letter, and uses up no attempt of the entries beside it', async () => {
  const stream = await openOrders(bench, QUEUE)
  await addNumbers(stream, 5)
  const poison = await stream.add(-1)
  await addNumbers(stream, 5, 5)
  const starts: { started: number; attempt: number; fence: number }[] = []
  let ended = 0
  // A busy machine may stop the program for a while; its leases must outlive that.
  const options = JSON.stringify({ lease: 2000, maxAttempts: 2 })
  for (let life = 1; ended < 11; life++) {
    expect(life).toBeLessThanOrEqual(4)
    const child = startProgram('poisoned-worker', [bench.server.url, options])
    try {
      while (ended < 11) {
        const said = await child.next<(typeof starts)[number] | { event: string }>()
        if ('started' in said) starts.push(said)
        else ended += 1
      }
    } catch {
      // Killed.
    }
  }
  const letters = await deadLettersOf(stream, 'billing')
  expect(letters).toMatchObject([{ id: poison, why: 'vanished', attempts: 2 }])
  // Once among others, and then once for each of its attempts.
  expect(starts.filter(({ started }) => started === -1).map(({ attempt }) => attempt)).toEqual([1, 1, 2])
  expect(starts.filter(({ started, attempt }) => started !== -1 && attempt > 1)).toEqual([])
}, 60_000)

test.each([
  [0, 'those that were only in hand'],
  [100_000_000_000_000, 'those whose handler was known to have started'],
])('an entry of a vanished worker with delivery count %i uses up an attempt: %s', async (count) => {
  const stream = await openOrders(bench, QUEUE)
  await addNumbers(stream, 1)
  const [id] = await abandon(bench.raw, 'billing', 1, 60_000)
  const at = ['IDLE', 60_000, 'RETRYCOUNT', count, 'JUSTID'] as const
  await bench.raw.call('XCLAIM', ORDERS, 'billing', 'crashed', 0, id as string, ...at)
  const handled: object[] = []
  const { saw, of } = startWorker(
    stream,
    'billing',
    ({ attempt, fence }) => void handled.push({ attempt, fence }),
  )
  await saw('done')
  expect(handled).toEqual([{ attempt: count > 0 ? 2 : 1, fence: 2 }])
  expect(of('recovered')).toMatchObject([{ kind: 'recovered', id, attempt: count > 0 ? 1 : 0, fence: 1 }])
})

test('an entry that kills every process before its handler starts becomes a dead letter in the end', async () => {
  const stream = await openOrders(bench, QUEUE)
  const fields = { i: '1-1', a: 1, f: 20, d: '0', v: 20 }
  await bench.raw.xadd(readyOf('billing'), '*', ...Object.entries(fields).flat())
  await bench.raw.xgroup('CREATE', readyOf('billing'), 'billing', '0')
  await bench.raw.xreadgroup('GROUP', 'billing', 'crashed', 'STREAMS', readyOf('billing'), '>')
  const { saw, of } = startWorker(stream, 'billing', () => {}, { lease: 300, maxAttempts: 2 })
  await saw('dead')
  expect(of('dead')).toMatchObject([{ id: '1-1', attempt: 2, why: 'vanished' }])
})

test('suspects start one after another, each start is recorded, and other entries do not wait for them', async () => {
  const stream = await openOrders(bench, QUEUE)
  await vanished(3, 1)
  const gates = [deferred(), deferred(), deferred()]
  const started: number[] = []
  const { saw } = startWorker(stream, 'billing', async ({ payload, attempt }) => {
    if (attempt === 1) return
    started.push(payload)
    await gates[started.length - 1]!.promise
  })
  await until('one runs', () => started.length === 1)
  await addNumbers(stream, 50, 10)
  await saw('done', 50)
  expect(started).toEqual([1])
  for (const round of [1, 2, 3]) {
    await until('the next runs', () => started.length === round)
    const pending = (await bench.raw.xpending(readyOf('billing'), 'billing', '-', '+', 10)) as [
      string,
      string,
      number,
      number,
    ][]
    expect(pending.filter(([, , , count]) => count >= 100_000_000_000_000)).toHaveLength(1)
    gates[round - 1]!.resolve()
    await saw('done', 50 + round)
  }
  expect(new Set(started)).toEqual(new Set([1, 2, 3]))
})

test('a worker does not poll in each tick whether a suspect may start', async () => {
  const stream = await openOrders(bench, QUEUE)
  await vanished(2, 1)
  const gate = deferred()
  let started = 0
  const { saw } = startWorker(stream, 'billing', () => {
    started += 1
    return gate.promise
  })
  await until('one runs', () => started === 1)
  expect(await immediatesOf(bench.raw)).toBeLessThan(20)
  gate.resolve()
  await saw('done', 2)
})

test('suspects without a recorded start do not wait for a slow one before them', async () => {
  const stream = await openOrders(bench, QUEUE)
  await vanished(3, 0)
  const gate = deferred()
  const started: number[] = []
  const { saw } = startWorker(stream, 'billing', async ({ payload }) => {
    started.push(payload)
    if (payload === 1) await gate.promise
  })
  await saw('done', 2)
  expect(started).toEqual([1, 2, 3])
  gate.resolve()
  await saw('done', 3)
})

test('a suspect that fails, or is given back unstarted, does not count as vanished again', async () => {
  const stream = await openOrders(bench, QUEUE)
  await vanished(2, 1)
  const gate = deferred()
  const started = deferred()
  const { worker, saw } = startWorker(
    stream,
    'billing',
    async () => {
      started.resolve()
      await gate.promise
      throw new Error('no')
    },
    { retryDelay: '1h' },
  )
  await until('both are out', async () => {
    const [count] = (await bench.raw.xpending(readyOf('billing'), 'billing').catch(() => [0])) as [number]
    return count === 2
  })
  await started.promise
  const closing = worker.close()
  await saw('returned')
  gate.resolve()
  await closing
  const left = (await bench.raw.xrange(readyOf('billing'), '-', '+')).map(([, fields]) => fields)
  expect(left).toEqual([['i', '1-2', 'a', '1', 'f', '2', 'd', '2', 'v', '1']])
  expect(await bench.raw.zcard(`${ORDERS}:delayed:billing`)).toBe(1)
})

test('an entry that a limit sets aside stays a suspect: it cannot kill more processes than it has attempts', async () => {
  const stream = await openOrders(bench, QUEUE)
  await vanished(1, 1)
  const limiter = { rules: [], take: async () => ({ allowed: false, retryAfterMs: 1 }) }
  const denied = startWorker(stream, 'billing', () => {}, {
    limit: { limiter, subject: () => 'ann' } as never,
  })
  await denied.saw('returned', 1)
  await denied.worker.close()
  const gate = deferred()
  const started = deferred()
  const { worker } = startWorker(
    stream,
    'billing',
    async () => {
      started.resolve()
      await gate.promise
      throw new Error('no')
    },
    { retryDelay: '1h', maxAttempts: 5 },
  )
  await started.promise
  const [, fields] = (await bench.raw.xrange(readyOf('billing'), '-', '+'))[0] as [string, string[]]
  expect(fields).toEqual(expect.arrayContaining(['v', '1']))
  gate.resolve()
  await until('it waits for a retry', async () => (await bench.raw.zcard(`${ORDERS}:delayed:billing`)) === 1)
  await worker.close()
  // A failure that was reported ends the suspicion: nothing of it is stored.
  const [member] = await bench.raw.zrangeBuffer(`${ORDERS}:delayed:billing`, '0', '0')
  expect(member?.[0]).toBe(0x94)
})

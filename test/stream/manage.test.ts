import { setTimeout as delay } from 'node:timers/promises'

import { createStream, type DeadLetter, type Space, type Stream } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { streamForgetConsumers } from '../../packages/core/src/redis/scripts.gen.ts'
import { startProgram } from '../support/child.ts'
import { failure, openReady, ownConnection } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import {
  addNumbers,
  deadLettersOf,
  consumersOf,
  deadOf,
  makeReady,
  openOrders,
  ORDERS,
  pendingOf,
  readyOf,
} from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { LONG, nextTurn, until } from '../support/until.ts'
import { startWorker, startWorkerProcess } from '../support/workers.ts'

const bench = useRedis()
const QUEUE = { groups: ['billing'] }
const LOG = { retain: { entries: 100_000 } }
/** Half of it is the longest time between two checks of a worker. */
const lease = 1000

/** Dead letters of group billing, as its workers would leave them. */
async function bury(count: number): Promise<string[]> {
  const pipeline = bench.raw.pipeline()
  for (let at = 0; at < count; at++) {
    const fields = { i: `1-${at}`, a: 5, f: 5, g: 'billing', k: 'failed', e: 'no', d: at }
    pipeline.xadd(deadOf('billing'), '*', ...Object.entries(fields).flat())
  }
  return ((await pipeline.exec()) ?? []).map(([, id]) => id as string)
}

async function idsIn(key: string): Promise<string[]> {
  return (await bench.raw.xrange(key, '-', '+')).map(
    ([, fields]) => fields[fields.indexOf('i') + 1] as string,
  )
}

describe('pause', () => {
  test('stops the workers of every process, and their running entries are finished', async () => {
    const [one, two] = await Promise.all([openOrders(bench, QUEUE), openOrders(bench, QUEUE)])
    const gate = deferred()
    const handled: number[] = []
    const handler = async ({ payload }: { payload: number }): Promise<void> => {
      await gate.promise
      handled.push(payload)
    }
    const workers = [one, two].map((stream) =>
      startWorker(stream, 'billing', handler, { lease, concurrency: 1 }),
    )
    await addNumbers(one, 2)
    await until('both have one', async () => (await pendingOf(bench.raw, 'billing')).length === 2)
    expect(await two.group('billing').pause()).toBe(true)
    expect(await two.group('billing').pause()).toBe(false)
    for (const { saw } of workers) await saw('paused')
    await addNumbers(one, 20, 2)
    gate.resolve()
    await until('what they had is finished', () => handled.length >= 2)
    expect((await one.stats({ over: 0 })).groups[0]).toMatchObject({
      paused: true,
      waiting: 20,
      running: 0,
    })
    expect(handled.toSorted((a, b) => a - b)).toEqual([0, 1])
    expect(await one.group('billing').resume()).toBe(true)
    expect(await one.group('billing').resume()).toBe(false)
    await until('the rest is handled', () => handled.length === 22)
    for (const { saw } of workers) await saw('unpaused')
  })

  test('takes effect at once, long before a worker checks by itself, and so does resume', async () => {
    const stream = await openOrders(bench, QUEUE)
    const gate = deferred()
    const started: number[] = []
    const idle = startWorker(await openOrders(bench, LOG), 'idle', () => {})
    const { saw, of } = startWorker(
      stream,
      'billing',
      ({ payload }) => {
        started.push(payload)
        return gate.promise
      },
      { concurrency: 1 },
    )
    await addNumbers(stream, 3)
    await until('one runs', () => started.length === 1)
    // Half a lease is 15 s.
    const soon = 3000
    await Promise.all([stream.group('billing').pause(), (await openOrders(bench, LOG)).group('idle').pause()])
    await until('both know', () => of('paused').length > 0 && idle.of('paused').length > 0, soon)
    gate.resolve()
    await saw('done')
    expect(started).toEqual([0])
    await stream.group('billing').resume()
    await until('it goes on', () => of('unpaused').length > 0, soon)
    await saw('done', 3)
    expect([of('paused'), idle.of('paused'), of('unpaused')].map(({ length }) => length)).toEqual([1, 1, 1])
  })

  test('an entry added after it was called is started by no idle worker of the process', async ({ skip }) => {
    // Others do not fetch it at all.
    skip(!ownConnection())
    const stream = await openOrders(bench, QUEUE)
    const handled: number[] = []
    const { of, saw } = startWorker(stream, 'billing', ({ payload }) => handled.push(payload))
    await stream.add(-1)
    await saw('done')
    for (let round = 0; round < 5; round++) {
      // The process knows it without the message.
      await bench.raw.client('KILL', 'TYPE', 'PUBSUB')
      await stream.group('billing').pause()
      const id = await stream.add(round)
      // Its read, which was waiting, returned the entry.
      await until('it is given back', () => of('returned').some((event) => event.id === id))
      expect(handled).not.toContain(round)
      await stream.group('billing').resume()
      await saw('done', round + 2)
    }
    expect(of('returned').every(({ why }) => why === 'paused')).toBe(true)
  })

  test('also stops a worker that starts later: it gets no entry', async () => {
    const stream = await openOrders(bench, QUEUE)
    await stream.group('billing').pause()
    await addNumbers(stream, 5)
    let calls = 0
    const { saw } = startWorker(stream, 'billing', () => void calls++, { lease })
    await saw('paused')
    expect(calls).toBe(0)
    expect((await stream.stats({ over: 0 })).groups[0]).toMatchObject({ waiting: 5, running: 0 })
    await stream.group('billing').resume()
    await saw('done', 5)
  })
})

describe('reset', () => {
  test('under running workers gives every entry again, and the delivery from before changes nothing', async () => {
    const stream = await openOrders(bench, LOG)
    const ids = await addNumbers(stream, 50)
    const gates = [deferred(), deferred()]
    const calls = new Map<number, number>()
    const aborted: number[] = []
    const { of, saw } = startWorker(
      stream,
      'billing',
      async ({ payload, signal }) => {
        const call = (calls.get(payload) ?? 0) + 1
        calls.set(payload, call)
        signal.addEventListener('abort', () => aborted.push(payload))
        if (payload === 7) await gates[call - 1]!.promise
      },
      { concurrency: 5 },
    )
    await saw('done', 49)
    await stream.group('billing').reset({ to: '-' })
    // Before the blocking read of the worker ends by itself.
    await until('each came again', () => ids.every((_, at) => calls.get(at) === 2), 3000)
    // The same worker has it twice: the first delivery is not the one that Redis knows.
    expect(of('lost').map(({ id }) => id)).toEqual([ids[7]])
    expect(aborted).toEqual([7])
    gates[0]!.resolve()
    await saw('done', 98)
    expect((await pendingOf(bench.raw, 'billing')).map(({ id }) => id)).toEqual([ids[7]])
    gates[1]!.resolve()
    await saw('done', 99)
    expect(await pendingOf(bench.raw, 'billing')).toEqual([])
  })

  test('that discards ends the leases of running workers, which continue with later entries', async () => {
    const stream = await openOrders(bench, LOG)
    await addNumbers(stream, 10)
    const gate = deferred()
    let calls = 0
    const handler = (): Promise<void> => {
      calls += 1
      return gate.promise
    }
    const { of, saw } = startWorker(stream, 'billing', handler, { concurrency: 10, lease })
    await until('all run', () => calls === 10)
    await stream.group('billing').reset({ to: '+', discard: true })
    await saw('lost', 10)
    gate.resolve()
    await addNumbers(stream, 5, 10)
    await saw('done', 5)
    await nextTurn()
    expect(of('done')).toHaveLength(5)
    expect(await pendingOf(bench.raw, 'billing')).toEqual([])
  })
})

describe('drop', () => {
  test('an idle worker resets its idle time with each check', async () => {
    const stream = await openOrders(bench, LOG)
    const { worker } = startWorker(stream, 'billing', () => {}, { lease: 300 })
    const idleMs = async (): Promise<number> => {
      const [group] = (await stream.stats({ over: 0 })).groups
      return group?.consumers.find(({ name }) => name === worker.consumer)?.idleMs ?? Infinity
    }
    await until('it is there', async () => (await idleMs()) < Infinity)
    // On Redis 7.0 its blocking reads, which find nothing, are none.
    for (let times = 0; times < 3; times++) {
      let before = 0
      await until('a shorter idle time', async () => {
        const now = await idleMs()
        const younger = now < before
        before = now
        return younger
      })
    }
  })

  test.runIf(LONG)(
    'a group whose worker had nothing to do for longer than 30 s is served, and not dropped',
    async () => {
      const stream = await openOrders(bench, LOG)
      const { worker } = startWorker(stream, 'billing', () => {})
      await delay(35_000)
      expect((await stream.stats({ over: 0 })).groups[0]).toMatchObject({ served: true })
      expect(await failure(stream.group('billing').drop())).toMatchObject({ code: 'PENKNIFE_IN_USE' })
      await worker.close()
      expect(await stream.group('billing').drop()).toBe(true)
    },
    60_000,
  )

  test('waits for the workers to be closed', async () => {
    const stream = await openOrders(bench, LOG)
    await addNumbers(stream, 10)
    const { worker, saw } = startWorker(stream, 'billing', () => {})
    await saw('done', 10)
    expect(await failure(stream.group('billing').drop())).toMatchObject({ code: 'PENKNIFE_IN_USE' })
    await addNumbers(stream, 10, 10)
    await saw('done', 20)
    await worker.close()
    expect(await stream.group('billing').drop()).toBe(true)
    expect((await stream.stats({ over: 0 })).groups).toEqual([])
  })

  test('a worker whose group was dropped while it ran creates the group again and reports trouble', async () => {
    const stream = await openOrders(bench, LOG)
    const { saw, of } = startWorker(stream, 'billing', () => {})
    await addNumbers(stream, 3)
    await saw('done', 3)
    await bench.raw.xgroup('DESTROY', ORDERS, 'billing')
    await saw('trouble')
    await saw('resumed')
    await addNumbers(stream, 3, 3)
    await until('all are handled again', () => new Set(of('done').map(({ id }) => id)).size === 6)
  })
})

describe('requeue', () => {
  test('with running workers, each dead letter is handled once more: none is lost or duplicated', async () => {
    const stream: Stream<number> = await openOrders(bench, QUEUE)
    let well = false
    const handled: number[] = []
    const handler = ({ payload }: { payload: number }): void => {
      if (!well) throw new Error('not well')
      handled.push(payload)
    }
    const options = { maxAttempts: 2, retryDelay: 0, concurrency: 20 }
    const workers = [1, 2].map(() => startWorker(stream, 'billing', handler, options))
    await addNumbers(stream, 300)
    await until('all are dead letters', async () => (await bench.raw.xlen(deadOf('billing'))) === 300)
    well = true
    const { deadLetters } = stream.group('billing')
    // Two operators at once.
    const counts = await Promise.all([deadLetters.requeue({}), deadLetters.requeue({})])
    expect(counts[0] + counts[1]).toBe(300)
    await until('all are handled', () => handled.length >= 300)
    await until('nothing is pending', async () => (await pendingOf(bench.raw, 'billing')).length === 0)
    expect(handled.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 300 }, (_, at) => at))
    expect(await deadLettersOf(stream, 'billing')).toEqual([])
    const attempts = workers.flatMap(({ of }) => of('done').map(({ attempt }) => attempt))
    expect(new Set(attempts)).toEqual(new Set([1]))
  })

  test('that is killed half-way leaves each letter in one place, and can be called again', async () => {
    const all = (await bury(2000)).map((_, at) => `1-${at}`)
    const child = startProgram('requeue', [bench.server.url])
    for (let pages = 0; pages < 4; pages++) await child.next()
    child.process.kill('SIGKILL')
    await child.ended()
    const [dead, ready] = await Promise.all([idsIn(deadOf('billing')), idsIn(readyOf('billing'))])
    expect(ready.length).toBeGreaterThan(0)
    expect(dead.length).toBeGreaterThan(0)
    expect([...dead, ...ready].toSorted()).toEqual(all.toSorted())
    const stream = await openOrders(bench, QUEUE)
    expect(await stream.group('billing').deadLetters.requeue({})).toBe(dead.length)
    expect((await idsIn(readyOf('billing'))).toSorted()).toEqual(all.toSorted())
  })
})

test('a dead letter succeeds after its cause was repaired and it was requeued', async () => {
  const stream = await openOrders(bench, QUEUE)
  let broken = true
  const { saw } = startWorker(
    stream,
    'billing',
    ({ payload }) => {
      if (broken && payload % 2 === 1) throw new Error('odd')
    },
    { maxAttempts: 1 },
  )
  await addNumbers(stream, 6)
  await saw('dead', 3)
  broken = false
  const { deadLetters } = stream.group('billing')
  const odd = ({ reason, json }: DeadLetter): boolean => reason === 'odd' && json !== '5'
  expect(await deadLetters.requeue({ why: 'failed', where: odd })).toBe(2)
  await saw('done', 5)
  expect((await deadLettersOf(stream, 'billing')).map(({ json }) => json)).toEqual(['5'])
  expect(await deadLetters.purge({})).toBe(1)
  expect((await stream.stats({ over: 0 })).groups[0]).toMatchObject({
    dead: 0,
    waiting: 0,
    running: 0,
    delayed: 0,
  })
})

describe('consumers of processes that died', () => {
  async function forget(stream: Stream<number>): Promise<number> {
    const { runtime } = spaceOf.get(stream)!
    const forgetConsumers = runtime.bind(streamForgetConsumers, [])
    // Any silence is too long.
    return forgetConsumers(runtime.keys.route, ORDERS, readyOf('billing'), 'billing', -1)
  }
  const spaceOf = new WeakMap<object, Space>()
  async function open(): Promise<Stream<number>> {
    const space = (await openReady(pattern(bench.server.url))).space('shop')
    const stream = createStream<number>(space, 'orders', QUEUE)
    spaceOf.set(stream, space)
    return stream
  }

  test('are deleted only when no entry is pending for them, in either stream of the group', async () => {
    const stream = await open()
    await addNumbers(stream, 2)
    await makeReady(bench.raw, 'billing', '1-1', '9')
    await bench.raw.xgroup('CREATE', readyOf('billing'), 'billing', '0')
    for (const [consumer, key] of [
      ['holds', ORDERS],
      ['holds ready', readyOf('billing')],
    ] as const) {
      await bench.raw.xreadgroup('GROUP', 'billing', consumer, 'COUNT', 1, 'STREAMS', key, '>')
    }
    for (const key of [ORDERS, readyOf('billing')])
      await bench.raw.xgroup('CREATECONSUMER', key, 'billing', 'gone')
    expect(await forget(stream)).toBe(2)
    expect((await stream.stats({ over: 0 })).groups[0]!.consumers.map(({ name }) => name).toSorted()).toEqual(
      ['holds', 'holds ready'],
    )
    expect((await pendingOf(bench.raw, 'billing')).map(({ consumer }) => consumer)).toEqual([
      'holds',
      'holds ready',
    ])
  })

  test('a live worker whose consumer was deleted continues', async () => {
    const stream = await open()
    const { worker, saw } = startWorker(stream, 'billing', () => {})
    await addNumbers(stream, 1)
    await saw('done')
    await until('its consumer is deleted', async () => (await forget(stream)) > 0)
    expect(await consumersOf(bench.raw, 'billing')).not.toContain(worker.consumer)
    await addNumbers(stream, 1, 1)
    await saw('done', 2)
  })

  test('stay until their pending entries were taken over: no entry is lost', async () => {
    const stream = await open()
    const { child, next } = startWorkerProcess(bench.server.url, bench.raw, { lease })
    await addNumbers(stream, 1)
    await next('started')
    child.process.kill('SIGKILL')
    await child.ended()
    const crashed = (await consumersOf(bench.raw, 'billing')).at(0)!
    const { saw } = startWorker(stream, 'billing', () => {}, { lease })
    await until('another one is there', async () => (await consumersOf(bench.raw, 'billing')).length > 1)
    await forget(stream)
    await saw('done')
    await forget(stream)
    expect(await consumersOf(bench.raw, 'billing')).not.toContain(crashed)
  })
})

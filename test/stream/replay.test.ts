import { createStream, type StreamEntry, type Stream } from '@penknife/core'
import { describe, expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { addNumbers, openOrders, ORDERS } from '../support/orders.ts'
import { startProxy } from '../support/proxy.ts'
import { callsOf, ownRedis, pattern, penknifeClients, useRedis } from '../support/redis.ts'
import { startPair } from '../support/replicas.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

async function collect<T>(entries: AsyncIterable<StreamEntry<T>>, atMost: number = Infinity): Promise<T[]> {
  const found: T[] = []
  for await (const { payload } of entries) {
    found.push(payload)
    if (found.length >= atMost) break
  }
  return found
}

/** Collects the entries of a follower in the background. */
function follow<T>(entries: AsyncIterable<StreamEntry<T>>): {
  readonly found: T[]
  readonly ended: Promise<unknown>
} {
  const found: T[] = []
  const ended = (async () => {
    for await (const { payload } of entries) found.push(payload)
  })().catch((error: unknown) => error)
  return { found, ended }
}

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: Math.abs(to - from) + 1 }, (_, at) => (from < to ? from + at : from - at))

describe('a range', () => {
  test('is complete and in order, forward and in reverse, with any page size', async () => {
    const stream = await openOrders(bench)
    await addNumbers(stream, 100)
    for (const pageEntries of [1, 16, 17, 99, 100, 101, 1000]) {
      expect(await collect(stream.replay({ pageEntries }))).toEqual(numbers(0, 99))
      expect(await collect(stream.replay({ pageEntries, reverse: true }))).toEqual(numbers(99, 0))
    }
  })

  test('is bounded by ids, both inclusive, or begins after one', async () => {
    const stream = await openOrders(bench)
    const ids = await addNumbers(stream, 20)
    const [from, to] = [ids[3]!, ids[7]!]
    expect(await collect(stream.replay({ from, to }))).toEqual([3, 4, 5, 6, 7])
    expect(await collect(stream.replay({ after: from, to }))).toEqual([4, 5, 6, 7])
    expect(await collect(stream.replay({ from, to, reverse: true }))).toEqual([7, 6, 5, 4, 3])
    expect(await collect(stream.replay({ after: from, reverse: true }))).toEqual([2, 1, 0])
    expect(await collect(stream.replay({ after: to, from, reverse: true }))).toEqual([6, 5, 4, 3])
  })

  test('is bounded by times: a time means all entries of its millisecond', async () => {
    const stream = await openOrders(bench)
    for (const id of ['1000-0', '1000-1', '2000-0', '2000-5', '3000-0']) {
      await bench.raw.xadd(ORDERS, id, 'd', id.replace('-', '.'))
    }
    expect(await collect(stream.replay({ to: 2000 }))).toEqual([1000, 1000.1, 2000, 2000.5])
    expect(await collect(stream.replay({ from: new Date(2000) }))).toEqual([2000, 2000.5, 3000])
    expect(await collect(stream.replay({ from: '1001', to: new Date(2999) }))).toEqual([2000, 2000.5])
    expect(await collect(stream.replay({ to: 2000, reverse: true }))).toEqual([2000.5, 2000, 1000.1, 1000])
  })

  test('may be empty, and its stream need not exist', async () => {
    const stream = await openOrders(bench)
    expect(await collect(stream.replay())).toEqual([])
    await addNumbers(stream, 3)
    expect(await collect(stream.replay({ from: 1, to: 2 }))).toEqual([])
  })

  test('a page ends when it is full by bytes, and one entry always fits', async () => {
    const stream = await openOrders<string>(bench)
    const texts = numbers(0, 39).map((at) => String(at).padEnd(at % 7 === 0 ? 5000 : 300, '.'))
    for (const text of texts) await stream.add(text)
    await bench.raw.config('RESETSTAT')
    expect(await collect(stream.replay({ pageBytes: 1024 }))).toEqual(texts)
    const small = await callsOf(bench.raw, 'evalsha')
    // 34 small entries by threes and six large ones alone; never all at once.
    expect(small).toBeGreaterThan(15)
    expect(await collect(stream.replay())).toEqual(texts)
    expect(await callsOf(bench.raw, 'evalsha')).toBe(small + 1)
  })

  test('a page is fetched only when the loop needs it, and none after the loop was left', async () => {
    const stream = await openOrders(bench)
    await addNumbers(stream, 100)
    await until(
      'the declaration is kept',
      async () => (await bench.raw.exists(`${ORDERS}:declaration`)) === 1,
    )
    const before = await callsOf(bench.raw, 'evalsha')
    const entries = stream.replay({ pageEntries: 10 })
    expect(await callsOf(bench.raw, 'evalsha')).toBe(before)
    expect(await collect(entries, 15)).toEqual(numbers(0, 14))
    expect(await callsOf(bench.raw, 'evalsha')).toBe(before + 2)
  })

  test('entries that are added meanwhile are included if they are in the range', async () => {
    const stream = await openOrders(bench)
    await addNumbers(stream, 10)
    const found: number[] = []
    for await (const { payload } of stream.replay({ pageEntries: 5 })) {
      found.push(payload)
      if (payload === 4) await addNumbers(stream, 5, 10)
    }
    expect(found).toEqual(numbers(0, 14))
  })

  test('ends with the reason of its signal', async () => {
    const stream = await openOrders(bench)
    await addNumbers(stream, 10)
    const stop = new AbortController()
    const found: number[] = []
    const reading = (async () => {
      for await (const { payload } of stream.replay({ signal: stop.signal })) {
        found.push(payload)
        if (payload === 3) stop.abort(new Error('enough'))
      }
    })()
    await expect(reading).rejects.toThrow('enough')
    expect(found).toEqual([0, 1, 2, 3])
  })

  test('an outage ends it, and `after` continues after the last entry', async () => {
    const proxy = await startProxy(bench.server)
    const penknife = await openReady(pattern(proxy.url), { deadline: 100 })
    const stream = createStream<number>(penknife.space('shop'), 'orders')
    await addNumbers(stream, 20)
    let last: StreamEntry<number> | undefined
    const found: number[] = []
    const reading = (async () => {
      for await (const entry of stream.replay({ pageEntries: 10 })) {
        last = entry
        found.push(entry.payload)
        if (entry.payload === 9) await proxy.leave()
      }
    })()
    await failure(reading)
    await proxy.comeBack()
    await until('it is back', async () => (await penknife.health()).status === 'ok')
    expect([...found, ...(await collect(stream.replay({ after: last!.id })))]).toEqual(numbers(0, 19))
  })
})

describe('a follower', () => {
  async function start(options: object = {}): Promise<{
    readonly stream: Stream<number>
    readonly stop: AbortController
    readonly found: number[]
    readonly ended: Promise<unknown>
  }> {
    const stream = await openOrders(bench)
    const stop = new AbortController()
    return { stream, stop, ...follow(stream.replay({ follow: true, signal: stop.signal, ...options })) }
  }

  test('yields existing entries and then new ones, until its signal ends it', async () => {
    const { stream, stop, found, ended } = await start({ pageEntries: 7 })
    await addNumbers(stream, 30)
    await until('the first came', () => found.length === 30)
    await addNumbers(stream, 30, 30)
    await until('the rest came', () => found.length === 60)
    expect(found).toEqual(numbers(0, 59))
    stop.abort(new Error('enough'))
    expect(await ended).toMatchObject({ message: 'enough' })
    await until('its connection is closed', async () => {
      const clients = await penknifeClients(bench.raw)
      return !clients.some((line) => line.includes('penknife-reader'))
    })
  })

  test('may begin with new entries only', async () => {
    const writer = await openOrders(bench)
    await addNumbers(writer, 10)
    const { stop, found, ended } = await start({ from: '+' })
    await until('it waits', async () => /cmd=xread/.test(String(await bench.raw.client('LIST'))))
    await addNumbers(writer, 3, 10)
    await until('they came', () => found.length === 3)
    expect(found).toEqual([10, 11, 12])
    stop.abort()
    await ended
  })

  test('waits for a future time without polling', async () => {
    const writer = await openOrders(bench)
    await addNumbers(writer, 10)
    const { stop, found, ended } = await start({ from: Date.now() + 3_600_000 })
    await until('it waits', async () => /cmd=xread/.test(String(await bench.raw.client('LIST'))))
    const before = await callsOf(bench.raw, 'evalsha')
    await addNumbers(writer, 10)
    await bench.raw.xadd(ORDERS, `${Date.now() + 7_200_000}-0`, 'd', '99')
    await until('it came', () => found.length === 1)
    expect(found).toEqual([99])
    expect(await callsOf(bench.raw, 'evalsha')).toBeLessThanOrEqual(before + 2)
    stop.abort()
    await ended
  })

  test('continues by itself after Redis was killed, without gaps or duplicates', async () => {
    const server = await ownRedis({ persist: true })
    const penknife = await openReady(pattern(server.url))
    const stream = createStream<number>(penknife.space('shop'), 'orders')
    const stop = new AbortController()
    const { found, ended } = follow(stream.replay({ follow: true, signal: stop.signal }))
    await addNumbers(stream, 10)
    await until('the first came', () => found.length === 10)
    await server.restart()
    await until('Redis is back', async () => (await penknife.health()).status === 'ok')
    await addNumbers(stream, 10, 10)
    await until('the rest came', () => found.length >= 20)
    expect(found).toEqual(numbers(0, 19))
    stop.abort()
    await ended
  })

  test('continues after its master became a replica, which ends blocking reads, and a master again', async () => {
    const { master, replica, raw } = await startPair()
    const penknife = await openReady(pattern(master.url))
    const stream = createStream<number>(penknife.space('shop'), 'orders')
    const stop = new AbortController()
    const { found, ended } = follow(stream.replay({ follow: true, signal: stop.signal }))
    await addNumbers(stream, 10)
    await until('the first came', () => found.length === 10)
    await until('it waits', async () => /cmd=xread/.test(String(await raw.client('LIST'))))
    await raw.replicaof('127.0.0.1', replica.port)
    await raw.replicaof('NO', 'ONE')
    await until('it is a master', () => addNumbers(stream, 1, 10).then(Boolean, () => false))
    await until('the rest came', () => found.length === 11)
    expect(found).toEqual(numbers(0, 10))
    stop.abort()
    await ended
  })

  test('ends when penknife is closed', async () => {
    const penknife = await openReady(pattern(bench.server.url))
    const stream = createStream<number>(penknife.space('shop'), 'orders')
    const { ended } = follow(stream.replay({ follow: true }))
    await until('it waits', async () => /cmd=xread/.test(String(await bench.raw.client('LIST'))))
    await penknife.close()
    expect(await ended).toMatchObject({ code: 'PENKNIFE_CLOSED' })
  })
})

test.each([
  ['from', { from: 'yesterday' }],
  ['from', { from: -1 }],
  ['from', { from: new Date(Number.NaN) }],
  ['to', { to: {} }],
  ['after', { after: '1-0', from: '1-0' }],
  ['after', { after: '1-0', to: '1-0', reverse: true }],
  ['after', { after: '+' }],
  ['after', { after: '5' }],
  ['follow', { follow: true, reverse: true }],
  ['to', { follow: true, to: 5 }],
  ['pageEntries', { pageEntries: 1001 }],
  ['pageBytes', { pageBytes: 1023 }],
  ['signal', { signal: {} }],
  ["replay option 'form'", { form: 1 }],
])('%s is checked at once', async (option, options) => {
  const stream = await openOrders(bench)
  expect(() => stream.replay(options as object)).toThrow(
    expect.objectContaining({ code: 'PENKNIFE_INVALID', option }),
  )
})

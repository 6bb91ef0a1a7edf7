import { createStream, type PenknifeEvent, type WorkerOptions } from '@penknife/core'
import { expect, test } from 'vitest'

import { streamFetch } from '../../packages/core/src/redis/scripts.gen.ts'
import { failure, open, openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { documentedRights } from '../support/documented-user.ts'
import { addNumbers, ORDERS, readersWaiting, readyOf } from '../support/orders.ts'
import { startProxy } from '../support/proxy.ts'
import { callsOf, loadDriver, pattern, patternOf, penknifeClients, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

await loadDriver('node-redis')

const bench = useRedis()

const SHARED = { connection: 'shared' } as const
/** Far below the five seconds after which a group fetches by itself. */
const SOON = 3000

async function openShop(url: string = bench.server.url) {
  return (await openReady(pattern(url), { workerConnection: 'shared' })).space('shop')
}

async function openQueue(url?: string, groups: readonly string[] = ['billing']) {
  return createStream<number>(await openShop(url), 'orders', { groups })
}

test.each(['ioredis', 'node-redis'] as const)(
  '300 workers of a process open at most four connections, and each stream is served at once (%s)',
  async (driver) => {
    const penknife = await openReady(patternOf(driver, bench.server.url), { deadline: '30s' })
    const shop = penknife.space('shop')
    const streams = Array.from({ length: 20 }, (_, at) =>
      createStream<number>(shop, `jobs-${at}`, { groups: ['all'] }),
    )
    const handled = new Set<number>()
    for (const stream of streams) {
      for (let nth = 0; nth < 15; nth++) {
        startWorker(stream, 'all', ({ payload }) => void handled.add(payload), SHARED)
      }
    }
    // Twice: before and after all have waited.
    for (const round of [0, 1000]) {
      await Promise.all(streams.map((stream, at) => stream.add(round + at)))
      await until('all are handled', () => streams.every((_, at) => handled.has(round + at)), 10_000)
    }
    const clients = await penknifeClients(bench.raw)
    expect(clients.length, clients.join('\n')).toBeLessThanOrEqual(4)
  },
)

test('an entry that is added after a fetch that found no more, and before the worker waits, is handled at once', async () => {
  const proxy = await startProxy(bench.server)
  const stream = await openQueue(proxy.url)
  const handled: number[] = []
  startWorker(stream, 'billing', ({ payload }) => handled.push(payload))
  await stream.add(0)
  await until('it waits', async () => handled.length === 1 && (await readersWaiting(bench.raw)) === 1)
  for (let round = 1; round <= 3; round++) {
    proxy.holdReplies(streamFetch.sha)
    const before = await callsOf(bench.raw, 'xreadgroup')
    await bench.raw.xadd(ORDERS, '*', 'd', `${round}`)
    await until('it has fetched', async () => (await callsOf(bench.raw, 'xreadgroup')) > before)
    await bench.raw.xadd(ORDERS, '*', 'd', `${round}0`)
    await bench.raw.xadd(readyOf('billing'), '*', 'i', `${round}-1`, 'a', 0, 'f', 0, 'd', `${round}00`)
    proxy.pass()
    await until('all are handled', () => handled.length === 1 + 3 * round, SOON)
    expect(handled.toSorted((a, b) => a - b).slice(-1)).toEqual([round * 100])
  }
})

test('an entry wakes one idle worker of a group, not all', async () => {
  const stream = await openQueue()
  const workers = Array.from({ length: 50 }, () => startWorker(stream, 'billing', () => {}))
  const done = (): number => workers.reduce((sum, { of }) => sum + of('done').length, 0)
  // Two in each fetch.
  const fetches = async (): Promise<number> => (await callsOf(bench.raw, 'xinfo\\|groups')) / 2
  await until('each has fetched', async () => (await fetches()) >= 50)
  await until('they wait', async () => (await readersWaiting(bench.raw)) === 1)
  const before = await fetches()
  for (let at = 0; at < 5; at++) {
    await stream.add(at)
    await until('it is handled', () => done() === at + 1, SOON)
  }
  // One for each entry, and one in five seconds without one.
  expect((await fetches()) - before).toBeLessThan(10)
})

test('a group that begins to wait while another waits is woken at once too', async () => {
  const shop = await openShop()
  const [first, second] = ['first', 'second'].map((name) =>
    createStream<number>(shop, name, { groups: ['all'] }),
  ) as [ReturnType<typeof createStream<number>>, ReturnType<typeof createStream<number>>]
  startWorker(first, 'all', () => {})
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  const { of } = startWorker(second, 'all', () => {})
  for (let at = 1; at <= 3; at++) {
    await second.add(at)
    await until('it is handled', () => of('done').length === at, SOON)
  }
})

test('a backlog is shared by all workers', async () => {
  const stream = await openQueue()
  const gate = deferred()
  let running = 0
  const workers = Array.from({ length: 40 }, () =>
    startWorker(
      stream,
      'billing',
      async () => {
        running += 1
        await gate.promise
      },
      { concurrency: 1 },
    ),
  )
  await until('they wait', async () => (await readersWaiting(bench.raw)) === 1)
  await addNumbers(stream, 40)
  await until('each has one', () => running === 40, SOON)
  gate.resolve()
  await until('all are done', () => workers.every(({ of }) => of('done').length === 1))
})

test('workers of one penknife may have own and shared connections, and `connect` has the default', async () => {
  const stream = createStream<number>(await openShop(), 'orders', { groups: ['a', 'b', 'c'] })
  const readers = async (): Promise<number> =>
    (await penknifeClients(bench.raw)).filter((line) => line.includes('penknife-reader')).length
  const workers = [{}, SHARED, { connection: 'own' } as const].map((options, at) =>
    startWorker(stream, ['a', 'b', 'c'][at] as string, () => {}, options),
  )
  await stream.add(1)
  await Promise.all(workers.map(({ saw }) => saw('done')))
  expect(await readers()).toBe(2)
  await Promise.all(workers.slice(0, 2).map(({ worker }) => worker.close()))
  await until('the shared one is closed', async () => (await readers()) === 1)
})

test('a paused or full worker does not wait, and goes on with what was added meanwhile', async () => {
  const stream = await openQueue(undefined, ['billing', 'mail'])
  const gate = deferred()
  const full = startWorker(stream, 'billing', () => gate.promise, { concurrency: 1 })
  const paused = startWorker(stream, 'mail', () => {})
  await until('they wait', async () => (await readersWaiting(bench.raw)) === 1)
  await paused.worker.pause()
  await addNumbers(stream, 3)
  await until('it is full', async () => (await bench.raw.xpending(ORDERS, 'billing'))[0] === 1)
  await until('none waits', async () => (await readersWaiting(bench.raw)) === 0)
  gate.resolve()
  await full.saw('done', 3)
  paused.worker.resume()
  await paused.saw('done', 3)
})

test('after close Redis delivers nothing to the worker, and the entries of its last fetch are given back', async () => {
  const proxy = await startProxy(bench.server)
  const stream = await openQueue(proxy.url)
  const { worker, of, saw } = startWorker(stream, 'billing', () => {})
  await stream.add(0)
  await saw('done')
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  proxy.holdReplies(streamFetch.sha)
  await bench.raw.xadd(ORDERS, '*', 'd', '1')
  await until('it has it', async () => (await bench.raw.xpending(ORDERS, 'billing'))[0] === 1)
  const closing = worker.close()
  proxy.pass()
  await closing
  await bench.raw.xadd(ORDERS, '*', 'd', '2')
  expect(of('done')).toHaveLength(1)
  expect((await bench.raw.xpending(ORDERS, 'billing'))[0]).toBe(0)
  const other = startWorker(stream, 'billing', () => {})
  await other.saw('done', 2)
  expect(other.of('done').map(({ attempt }) => attempt)).toEqual([1, 1])
})

test('a reset gives a waiting worker the entries again at once', async () => {
  const stream = createStream<number>(await openShop(), 'orders')
  await addNumbers(stream, 3)
  const { saw, of } = startWorker(stream, 'billing', () => {})
  await saw('done', 3)
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  await stream.group('billing').reset({ to: '-' })
  await until('they came again', () => of('done').length === 6, SOON)
})

test('workers go on when the connection that they wait on is killed again and again', async () => {
  const stream = await openQueue(undefined, ['billing', 'mail'])
  const workers = ['billing', 'billing', 'mail'].map((group) => startWorker(stream, group, () => {}))
  const done = (): number => workers.reduce((sum, { of }) => sum + of('done').length, 0)
  for (let round = 1; round <= 5; round++) {
    await until('they wait', async () => (await readersWaiting(bench.raw)) === 1)
    const [id] = /(?<=id=)\d+(?= .*name=penknife-reader)/.exec(String(await bench.raw.client('LIST'))) ?? []
    await bench.raw.multi().client('KILL', 'ID', Number(id)).xadd(ORDERS, '*', 'd', `${round}`).exec()
    await until('it is handled by both groups', () => done() === 2 * round, SOON)
  }
  expect(workers.flatMap(({ of }) => of('trouble'))).toEqual([])
})

test('without a place for the connection that they wait on, workers ask once a second, and health says so', async () => {
  const penknife = await openReady(pattern(bench.server.url), { workerConnection: 'shared' })
  await bench.raw.config('SET', 'maxclients', 3)
  const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
  const { saw } = startWorker(stream, 'billing', () => {})
  for (let at = 1; at <= 2; at++) {
    await stream.add(at)
    await saw('done', at)
  }
  await until('it is degraded', async () => (await penknife.health()).status === 'degraded')
  await bench.raw.config('SET', 'maxclients', 1000)
  await until('it waits', async () => (await readersWaiting(bench.raw)) === 1)
  await stream.add(3)
  await saw('done', 3)
})

test('a key of a wrong type stops its own workers only', async () => {
  const shop = await openShop()
  const [good, bad] = ['good', 'bad'].map((name) =>
    createStream<number>(shop, name, { groups: ['billing'] }),
  ) as [ReturnType<typeof createStream<number>>, ReturnType<typeof createStream<number>>]
  const fine = startWorker(good, 'billing', () => {})
  const broken = startWorker(bad, 'billing', () => {})
  await until('they wait', async () => (await readersWaiting(bench.raw)) === 1)
  await bench.raw.set('pk1:{shop}:stream:bad', 'text')
  await good.add(1)
  await fine.saw('done')
  await broken.saw('trouble')
  for (let at = 2; at <= 4; at++) {
    await good.add(at)
    await until('it is handled', () => fine.of('done').length === at, SOON)
  }
  expect(fine.of('trouble')).toEqual([])
})

test('without the right to CLIENT, entries are handled within a second, and a finding says so', async () => {
  const rights = documentedRights().filter((right) => right !== '+client')
  await bench.raw.call('ACL', 'SETUSER', 'app', ...rights, '-client')
  const findings: PenknifeEvent[] = []
  const penknife = open(pattern(bench.server.url, { username: 'app', password: 'secret' }), {
    workerConnection: 'shared',
  })
  penknife.on((event) => findings.push(event))
  const shop = penknife.space('shop')
  const streams = ['a', 'b', 'c'].map((name) => createStream<number>(shop, name, { groups: ['g'] }))
  const workers = streams.map((stream) => startWorker(stream, 'g', () => {}))
  for (let round = 1; round <= 3; round++) {
    for (const [at, stream] of streams.entries()) {
      await stream.add(round)
      await until('it is handled', () => workers[at]?.of('done').length === round, SOON)
    }
  }
  expect(JSON.stringify(findings)).toMatch(/CLIENT is missing: .*up to a second late/)
})

test('a wrong kind of connection is refused, with the two that there are', async () => {
  const stream = await openQueue()
  const options = { connection: 'mine' } as unknown as WorkerOptions
  expect(() => stream.worker('billing', () => {}, options)).toThrow(
    /^connection is "mine": give 'own' or 'shared'$/,
  )
  await expect(
    failure((async () => open(pattern(bench.server.url), { workerConnection: 'mine' as 'own' }))()),
  ).resolves.toMatchObject({ code: 'PENKNIFE_INVALID' })
})

import { connect as connectTo, type Socket } from 'node:net'

import { connect, createStream, type Penknife, PenknifeError } from '@penknife/core'
import { AbstractConnector, type ClusterOptions, Redis, type RedisOptions } from 'ioredis'
import { createClientPool } from 'redis'
import { expect, onTestFinished, test } from 'vitest'

import { startSentinels } from '../../scripts/redis/sentinel.ts'
import { startProxies } from '../support/cluster-proxies.ts'
import { failure, open, openReady } from '../support/connect.ts'
import { type Count, counters } from '../support/counters.ts'
import { clusterPattern, freeze, pattern, useCluster, useRedis } from '../support/redis.ts'
import { moveSlot } from '../support/slots.ts'
import { masterOf, spacesOnAll } from '../support/spaces.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

// The given connection is a pattern for where Redis is. How the application wants its own to behave must not stop penknife's.

const bench = useRedis()
const clusterBench = useCluster()
/** Restarted by each test, which empties it. */
const restarted = useRedis()

function countIn(penknife: Penknife, deadlineMs = 15_000): Count {
  return counters(penknife.space('shop'), deadlineMs)
}

async function away(penknife: Penknife): Promise<void> {
  await until('it is away', async () => (await penknife.health()).status === 'unavailable')
}

const ODD: readonly RedisOptions[] = [
  { retryStrategy: () => null },
  { retryStrategy: null },
  { retryStrategy: () => 3_600_000 },
  { reconnectOnError: () => true },
  { reconnectOnError: () => 2 },
  { maxRetriesPerRequest: null },
  { commandTimeout: 1 },
  { blockingTimeout: 1 },
  { socketTimeout: 1 },
  { connectTimeout: 1 },
  { disconnectTimeout: 3_600_000 },
  { maxLoadingRetryTime: 3_600_000 },
  { enableOfflineQueue: true },
  { autoResendUnfulfilledCommands: true },
  { autoResubscribe: true },
  { enableAutoPipelining: true },
  { stringNumbers: true },
  { readOnly: true },
  { monitor: true },
  { protocol: 2 },
  { replyMapping: 'resp3' },
  { enableReadyCheck: false },
  { himportFieldsets: [{ name: 'x', fields: ['a'] }] as never },
]

test.each(ODD.map((options) => [Object.entries(options).map(String).join(), options] as const))(
  'with %s of the given connection calls work, and continue after a restart of Redis',
  async (_, options) => {
    const { server } = restarted
    const penknife = open(pattern(server.url, options))
    const count = countIn(penknife)
    expect(await Promise.all([count('a'), count('a')])).toEqual([1, 2])
    const stream = createStream<number>(penknife.space('shop'), 'orders', { groups: ['billing'] })
    const handled: number[] = []
    startWorker(stream, 'billing', ({ payload }) => void handled.push(payload))
    await stream.add(1)
    await until('it is handled', () => handled.includes(1))
    await server.restart()
    expect(await count('a')).toBe(1)
    await stream.add(2)
    await until('the worker goes on', () => handled.includes(2))
  },
)

test('a connector that fails is called again', async () => {
  let failing = false
  let failures = 0
  class Flaky extends AbstractConnector {
    readonly #address: { readonly host?: string; readonly port?: number }
    constructor(options: object) {
      super(1000)
      this.#address = options
    }
    override async connect(): Promise<Socket> {
      if (failing) {
        failures += 1
        throw new Error('no way there')
      }
      return (this.stream = connectTo(this.#address.port as number, this.#address.host))
    }
  }
  const penknife = await openReady(pattern(bench.server.url, { Connector: Flaky as never }))
  const count = countIn(penknife)
  expect(await count('a')).toBe(1)
  failing = true
  await bench.raw.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
  await until('it failed', () => failures > 1)
  const waiting = count('a')
  failing = false
  expect(await waiting).toBe(2)
})

test('with sentinelRetryStrategy: () => null penknife reconnects when its sentinels are back', async () => {
  const sentinels = await startSentinels({ replicas: 0, sentinels: 1 })
  onTestFinished(() => sentinels.stop())
  const [sentinel] = sentinels.sentinels
  const [master] = sentinels.servers
  const given = new Redis({
    sentinels: [...sentinels.addresses],
    name: sentinels.name,
    lazyConnect: true,
    sentinelRetryStrategy: () => null,
    sentinelReconnectStrategy: () => null,
    retryStrategy: () => null,
    failoverDetector: true,
    role: 'slave',
  })
  const penknife = await openReady(given)
  const count = countIn(penknife)
  expect(await count('a')).toBe(1)
  await sentinel!.kill()
  await master!.restart()
  await away(penknife)
  const waiting = count('a')
  await sentinel!.start()
  expect(await waiting).toBe(1)
})

test('a sentinel that does not answer is skipped', async () => {
  const sentinels = await startSentinels({ replicas: 0, sentinels: 3 })
  onTestFinished(() => sentinels.stop())
  freeze(sentinels.sentinels[0]!)
  const given = new Redis({ sentinels: [...sentinels.addresses], name: sentinels.name, lazyConnect: true })
  expect(await countIn(open(given), 10_000)('a')).toBe(1)
})

const ODD_CLUSTER: ClusterOptions = {
  clusterRetryStrategy: () => null,
  clusterNodeRetryStrategy: () => 3_600_000,
  enableOfflineQueue: false,
  enableAutoPipelining: true,
  scaleReads: 'slave',
  maxRedirections: 0,
  retryDelayOnMoved: 3_600_000,
  retryDelayOnTryAgain: 3_600_000,
  retryDelayOnClusterDown: 3_600_000,
  retryDelayOnFailover: 3_600_000,
  slotsRefreshTimeout: 0,
  shardedSubscribers: true,
  redisOptions: { commandTimeout: 1, maxRetriesPerRequest: null, enableAutoPipelining: true },
}

test('with odd options of the given cluster calls work, and continue after the cluster was away', async () => {
  const { proxies, options } = await startProxies(clusterBench.cluster)
  const penknife = open(clusterPattern(clusterBench.cluster, { ...ODD_CLUSTER, ...options }))
  const spaces = spacesOnAll(penknife)
  const counts = spaces.map((space) => counters(space, 15_000))
  expect(await Promise.all(counts.map((count) => count('a')))).toEqual([1, 1, 1])
  const [space] = spaces as [(typeof spaces)[0]]
  const { slot } = space.runtime.keys.route
  await clusterBench.raws[masterOf(slot)]!.set(space.runtime.keys.leaderboard('bad'), 'x')
  expect(await failure(counters(space)('bad'))).toMatchObject({ code: 'PENKNIFE_REJECTED' })
  for (const proxy of proxies) await proxy.leave()
  await away(penknife)
  const waiting = Promise.all(counts.map((count) => count('a')))
  for (const proxy of proxies) await proxy.comeBack()
  expect(await waiting).toEqual([2, 2, 2])
  await moveSlot(clusterBench.cluster, clusterBench.raws, slot, masterOf(slot), 1)
  onTestFinished(() => moveSlot(clusterBench.cluster, clusterBench.raws, slot, 1, masterOf(slot)))
  const stream = createStream<number>(space, 'orders', { groups: ['billing'] })
  const handled: number[] = []
  startWorker(stream, 'billing', ({ payload }) => void handled.push(payload))
  await stream.add(1)
  await until('it is handled', () => handled.includes(1))
  expect(await counts[0]!('a')).toBe(3)
})

test.each<[string, unknown, RegExp]>([
  ['nothing', undefined, /connect\(new Redis\(\)\).*connect\(createClient\(\)\)/],
  ['null', null, /connect\(new Redis\(\)\).*connect\(createClient\(\)\)/],
  ['a URL', 'redis://localhost', /connect\(new Redis\(url\)\)/],
  ['the class', Redis, /this is a class or a function/],
  ['a promise', Promise.resolve(pattern('redis://127.0.0.1:1')), /await it first/],
  ['options', { host: 'localhost', port: 6379 }, /connect\(new Redis\(options\)\)/],
  ['a pool of node-redis', createClientPool(), /a pool of node-redis: give what createClient/],
  [
    'a Sentinel client of node-redis 5',
    { isOpen: false, getMasterNode: () => {} },
    /a Sentinel client of an old node-redis: for Sentinel penknife needs node-redis 6/,
  ],
  [
    'a client of node-redis before 5.11',
    { isOpen: false, isWatching: false, duplicate: () => {}, sSubscribe: () => {} },
    /a client of an old node-redis: penknife needs node-redis 5.11 or newer/,
  ],
  ['a client of GLIDE', { customCommand: async () => {} }, /Valkey GLIDE/],
  ['a pipeline', new Redis({ lazyConnect: true }).pipeline(), /is a pipeline of ioredis/],
  ['a map', new Map(), /this is a Map/],
  ['an ioredis of old', { status: 'wait', options: {}, duplicate: () => {} }, /ioredis 5.8 or newer/],
])('connect refuses %s, with the fix', (_, given, message) => {
  const attempt = (): unknown => connect(given as never)
  expect(attempt).toThrow(PenknifeError)
  expect(attempt).toThrow(message)
})

test('connect refuses a penknife with an error of its own', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  expect(() => connect(penknife as never)).toThrow(/is a penknife already/)
})

import { connect, createRateLimiter, PenknifeError } from '@penknife/core'
import { Cluster, Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { failure, open, openReady } from '../support/connect.ts'
import { counters } from '../support/counters.ts'
import {
  clusterPattern,
  ownRedis,
  pattern,
  patternOf,
  penknifeClients,
  useCluster,
  useRedis,
} from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()
/** One for all: its certificate takes a fifth of a second. */
const secure = useRedis({ tls: true })
const clusterBench = useCluster()
const RULES = [{ name: 'r', limit: 5, window: '1m' }] as const

async function keysOf(raw: Redis): Promise<string[]> {
  return (await raw.keys('*')).toSorted()
}

test('every key begins with the keyPrefix of the given connection', async () => {
  const penknife = await openReady(pattern(bench.server.url, { keyPrefix: 'app:' }))
  const shop = penknife.space('shop')
  await counters(shop)('c')
  await createRateLimiter(shop, 'api', { rules: RULES, deadline: '5s' }).take('ann')
  const keys = await keysOf(bench.raw)
  // The rules are declared in the background.
  expect(keys.length).toBeGreaterThanOrEqual(2)
  expect(keys.filter((key) => !key.startsWith('app:pk1:{shop'))).toEqual([])
})

test('a keyPrefix keeps two applications apart', async () => {
  const [a, b] = await Promise.all(
    ['a:', 'b:'].map(async (keyPrefix) => openReady(pattern(bench.server.url, { keyPrefix }))),
  )
  expect(await counters(a!.space('shop'))('c')).toBe(1)
  expect(await counters(b!.space('shop'))('c')).toBe(1)
})

test.each([{ keyPrefix: '{app}' }, { redisOptions: { keyPrefix: 'a}' } }])(
  'a keyPrefix with braces is refused: %o',
  (options) => {
    const given =
      'keyPrefix' in options
        ? pattern(bench.server.url, options)
        : new Cluster([], { ...options, lazyConnect: true })
    const attempt = (): unknown => connect(given)
    expect(attempt).toThrow(PenknifeError)
    expect(attempt).toThrow(/^keyPrefix is .*prefix without braces$/)
  },
)

test('on a cluster the keyPrefix is honoured and a space stays in its slot', async () => {
  for (const options of [{ keyPrefix: 'app:' }, { redisOptions: { keyPrefix: 'app:' } }]) {
    const penknife = await openReady(clusterPattern(clusterBench.cluster, options))
    await Promise.all(Array.from({ length: 20 }, (_, at) => counters(penknife.space(`s${at}`))('c')))
  }
  const keys = (await Promise.all(clusterBench.raws.map(keysOf))).flat()
  expect(keys).toHaveLength(20)
  expect(keys.filter((key) => !key.startsWith('app:pk1:{s'))).toEqual([])
})

test('keys land in the db of the given connection', async () => {
  const penknife = await openReady(pattern(bench.server.url, { db: 3 }))
  await counters(penknife.space('shop'))('c')
  expect(await bench.raw.dbsize()).toBe(0)
  const third = patternOf('ioredis', bench.server.socket, { db: 3 })
  expect(await keysOf(third)).toEqual(['pk1:{shop}:board:c'])
  third.disconnect()
})

test('the db survives a reconnect', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(`${server.url}/5`))
  await counters(penknife.space('shop'))('c')
  await server.restart()
  expect(await counters(penknife.space('shop'), 15_000)('after')).toBe(1)
  const raw = patternOf('ioredis', server.socket, { db: 5 })
  expect(await keysOf(raw)).toEqual(['pk1:{shop}:board:after'])
  raw.disconnect()
})

test('a unix socket works as well as TCP', async () => {
  const penknife = await openReady(pattern(bench.server.socket))
  expect(await counters(penknife.space('shop'))('c')).toBe(1)
})

test('TLS settings are copied, with the trusted authority', async () => {
  const { server } = secure
  const penknife = await openReady(pattern(server.url, { tls: { ca: server.ca as string } }))
  expect(await counters(penknife.space('shop'))('c')).toBe(1)
})

test('a server whose certificate is not trusted is unavailable, and the event has the reason', async () => {
  const { server } = secure
  const penknife = open(pattern(server.url))
  const reasons: string[] = []
  penknife.on((event) => event.kind === 'unavailable' && reasons.push(event.reason))
  expect(await failure(counters(penknife.space('shop'), 500)('c'))).toMatchObject({
    code: 'PENKNIFE_UNAVAILABLE',
  })
  expect(reasons.join()).toMatch(/self-signed certificate/)
})

test('penknife can close while a TLS handshake fails, and the process goes on', async () => {
  const { server } = secure
  const uncaught: Error[] = []
  const note = (error: Error): void => void uncaught.push(error)
  process.prependListener('uncaughtException', note)
  onTestFinished(() => void process.off('uncaughtException', note))
  for (let round = 0; round < 30; round++) {
    const penknife = connect(pattern(server.url))
    // Close it at another point of the handshake each time.
    for (let step = 0; step < round; step++) await new Promise(setImmediate)
    await penknife.close()
  }
  // The sockets end after the handshake of the server.
  await until('all sockets are closed', () => !openTlsSockets().length)
  expect(uncaught).toEqual([])
})

const openTlsSockets = (): string[] =>
  process.getActiveResourcesInfo().filter((name) => name.startsWith('TLS'))

test('user and password are copied', async () => {
  await bench.raw.call('ACL', 'SETUSER', 'ann', 'on', '>secret', '~*', '&*', '+@all')
  const penknife = await openReady(pattern(bench.server.url, { username: 'ann', password: 'secret' }))
  expect(await counters(penknife.space('shop'))('c')).toBe(1)
  const clients = await penknifeClients(bench.raw)
  expect(clients).not.toHaveLength(0)
  expect(clients.filter((line) => !line.includes(' user=ann '))).toEqual([])
})

test('a wrong password is an error of the call, not a crash', async () => {
  await bench.raw.call('ACL', 'SETUSER', 'ann', 'on', '>secret', '~*', '&*', '+@all')
  const penknife = open(pattern(bench.server.url, { username: 'ann', password: 'wrong' }))
  const reasons: string[] = []
  penknife.on((event) => event.kind === 'unavailable' && reasons.push(event.reason))
  const error = await failure(counters(penknife.space('shop'), 500)('c'))
  expect(error).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  expect(reasons.join()).toMatch(/WRONGPASS/)
})

test('on a cluster user and password are copied', async () => {
  for (const raw of clusterBench.raws) {
    await raw.call('ACL', 'SETUSER', 'ann', 'on', '>secret', '~*', '&*', '+@all')
  }
  const given = clusterPattern(clusterBench.cluster, {
    redisOptions: { username: 'ann', password: 'secret' },
  })
  const penknife = await openReady(given)
  await Promise.all(Array.from({ length: 20 }, (_, at) => counters(penknife.space(`s${at}`))('c')))
  for (const raw of clusterBench.raws) {
    const clients = await penknifeClients(raw)
    expect(clients.filter((line) => !line.includes(' user=ann '))).toEqual([])
  }
})

test('settings of the given connection that would harm calls are not taken over', async () => {
  const given = pattern(bench.server.url, {
    enableAutoPipelining: true,
    commandTimeout: 1,
    stringNumbers: true,
    maxRetriesPerRequest: null,
    retryStrategy: () => null,
  })
  const server = await ownRedis()
  const penknife = await openReady(given)
  expect(await counters(penknife.space('shop'))('c')).toBe(1)
  const other = await openReady(pattern(server.url, { retryStrategy: () => null }))
  await server.restart()
  expect(await counters(other.space('shop'), 15_000)('c')).toBe(1)
})

test('the given connection itself is left alone', async () => {
  const given = new Redis(bench.server.url)
  await given.set('mine', '1')
  const penknife = await openReady(given)
  await counters(penknife.space('shop'))('c')
  await penknife.close()
  expect(await given.get('mine')).toBe('1')
  given.disconnect()
})

test('a database that does not exist is an outage with the reason, and nothing is written to database 0', async () => {
  const penknife = open(new Redis(bench.server.url, { db: 99, lazyConnect: true }), { deadline: 300 })
  const error = await failure(counters(penknife.space('shop'))('a'))
  expect(error).toMatchObject({ code: 'PENKNIFE_UNAVAILABLE', fate: 'not-done' })
  expect(error.message).toMatch(/DB index is out of range/)
  expect(await penknife.health()).toMatchObject({
    status: 'unavailable',
    reason: expect.stringMatching(/DB index/),
  })
  expect(await bench.raw.dbsize()).toBe(0)
})

test('a wrong password is named by the call that fails, with its cause', async () => {
  await bench.raw.call('ACL', 'SETUSER', 'carl', 'on', '>right', '~*', '&*', '+@all')
  const penknife = open(
    new Redis(bench.server.url, { username: 'carl', password: 'wrong', lazyConnect: true }),
    {
      deadline: 300,
    },
  )
  const error = await failure(counters(penknife.space('shop'))('a'))
  expect(error.message).toMatch(/WRONGPASS/)
  expect(String(error.cause)).toMatch(/WRONGPASS/)
})

import { createNotifier, createStream, type Health, type PenknifeEvent, type Space } from '@penknife/core'
import { Redis } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { startProxies } from '../support/cluster-proxies.ts'
import { failure, open, openReady } from '../support/connect.ts'
import { counters, REPLICATED, safely } from '../support/counters.ts'
import { clusterPattern, ownRedis, pattern, useCluster } from '../support/redis.ts'
import { spacesOnAll } from '../support/spaces.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const clusterBench = useCluster()

interface Full {
  readonly space: Space
  readonly events: readonly PenknifeEvent[]
  health(): Promise<Health>
  /** Other connections find a place from now on. */
  makeRoom(): Promise<unknown>
}

/** A Redis with no place for another connection than the one that penknife has for commands. */
async function fullRedis(): Promise<Full> {
  const server = await ownRedis()
  const raw = new Redis(server.socket)
  onTestFinished(() => raw.disconnect())
  const penknife = await openReady(pattern(server.url), { deadline: 500 })
  const events: PenknifeEvent[] = []
  penknife.on((event) => event.kind !== 'finding' && events.push(event))
  const connected = async (): Promise<string> => await raw.info('clients')
  await until('the two are alone', async () => /connected_clients:2\r/.test(await connected()))
  await raw.config('SET', 'maxclients', 2)
  return {
    space: penknife.space('shop'),
    events,
    health: () => penknife.health(),
    makeRoom: () => raw.config('SET', 'maxclients', 100),
  }
}

/** A server with too many clients replies with an error and closes. A client may notice either first. */
const WHY = /max number of clients reached|is maxclients reached/

test('health of open connections is ok, with their number for each purpose', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const space = penknife.space('shop')
  startWorker(createStream(space, 'orders', { groups: ['a'] }), 'a', () => {})
  startWorker(createStream(space, 'orders', { groups: ['a'] }), 'a', () => {})
  await createNotifier(space, 'main').subscribe(['room'], { onEvent: () => {} })
  await until('all are ready', async () =>
    (await penknife.health()).connections.every((each) => each.ready === each.open),
  )
  const health = await penknife.health()
  expect(health).toMatchObject({ status: 'ok', reason: undefined })
  expect(new Map(health.connections.map(({ purpose, ...rest }) => [purpose, rest]))).toEqual(
    new Map([
      ['commands', { open: 1, ready: 1, reason: undefined }],
      ['reader', { open: 2, ready: 2, reason: undefined }],
      ['subscriber', { open: 1, ready: 1, reason: undefined }],
    ]),
  )
})

test.each<['reader' | 'subscriber' | 'durable', (space: Space) => unknown]>([
  ['reader', (space) => startWorker(createStream(space, 'orders', { groups: ['a'] }), 'a', () => {})],
  [
    'subscriber',
    (space) =>
      createNotifier(space, 'main')
        .subscribe(['room'], { onEvent: () => {} })
        .catch(() => {}),
  ],
  ['durable', (space) => failure(safely(space, REPLICATED)())],
])(
  'a %s that cannot connect makes health degraded and is reported, with the reason',
  async (purpose, use) => {
    const { space, events, health, makeRoom } = await fullRedis()
    use(space)
    // A worker follows a channel, too.
    const mine = (): PenknifeEvent[] =>
      events.filter((event) => 'purpose' in event && event.purpose === purpose)
    await until('it is reported', () => mine().length > 0)
    expect(mine()).toEqual([{ kind: 'trouble', purpose, reason: expect.stringMatching(WHY) }])
    const reports = await health()
    expect(reports).toMatchObject({ status: 'degraded', reason: expect.stringMatching(WHY) })
    expect(reports.connections).toContainEqual({
      purpose,
      open: 1,
      ready: 0,
      reason: expect.stringMatching(WHY),
    })
    await makeRoom()
    await until('it is there', async () => (await health()).status === 'ok')
    // However often it tried.
    expect(mine()).toEqual([
      { kind: 'trouble', purpose, reason: expect.stringMatching(WHY) },
      { kind: 'recovered', purpose },
    ])
  },
)

test('a connection that cannot be made is one process warning when there is no listener', async () => {
  const server = await ownRedis()
  const raw = new Redis(server.socket)
  onTestFinished(() => raw.disconnect())
  const penknife = await openReady(pattern(server.url))
  const warnings: string[] = []
  const onWarning = ({ message }: Error): void => void warnings.push(message)
  process.on('warning', onWarning)
  onTestFinished(() => void process.off('warning', onWarning))
  await until('the two are alone', async () => /connected_clients:2\r/.test(await raw.info('clients')))
  await raw.config('SET', 'maxclients', 2)
  const { runtime } = penknife.space('shop')
  const readers = [runtime, runtime].map(({ openReader, keys }) => openReader(keys.route))
  onTestFinished(() => readers.forEach((reader) => void reader.close()))
  await until('it is sent', () => warnings.some((text) => WHY.test(text)))
  expect(warnings.filter((text) => WHY.test(text))).toHaveLength(1)
})

test('channels that the user may not follow make health degraded, until it may', async () => {
  const server = await ownRedis()
  const raw = new Redis(server.socket)
  onTestFinished(() => raw.disconnect())
  await raw.call('ACL', 'SETUSER', 'ann', 'on', '>x', '~*', '+@all', 'resetchannels')
  const penknife = await openReady(pattern(server.url, { username: 'ann', password: 'x' }), { deadline: 500 })
  const events: PenknifeEvent[] = []
  penknife.on((event) => event.kind !== 'finding' && events.push(event))
  const { subscriber, keys } = penknife.space('shop').runtime
  const followed = new Promise<void>((resolve) =>
    subscriber.follow(keys.route, 'channel', { message: () => {}, followed: resolve }),
  )
  await until('it is reported', () => events.length > 0)
  expect(events).toMatchObject([{ kind: 'refusing', call: 'ssubscribe', code: 'NOPERM' }])
  expect(await penknife.health()).toMatchObject({
    status: 'degraded',
    reason: expect.stringMatching(/NOPERM/),
  })
  await raw.call('ACL', 'SETUSER', 'ann', '&channel')
  await followed
  expect(await penknife.health()).toMatchObject({ status: 'ok', refused: [] })
  expect(events.map(({ kind }) => kind)).toEqual(['refusing', 'accepting'])
})

test('a connection that is cut and back at once is no trouble', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const events: string[] = []
  penknife.on((event) => void events.push(event.kind))
  const { openReader, keys } = penknife.space('shop').runtime
  const reader = openReader(keys.route)
  onTestFinished(() => reader.close())
  await until('it is there', () => reader.ready)
  const id = String(await reader.call('CLIENT', 'ID'))
  await counters(penknife.space('shop'))('a')
  const raw = new Redis(server.socket)
  onTestFinished(() => raw.disconnect())
  await raw.call('CLIENT', 'KILL', 'ID', id)
  await until('it went', () => !reader.ready)
  await until('it came back', () => reader.ready)
  expect(events).toEqual([])
})

test('on a cluster one master that cannot be reached makes health degraded, until it can', async () => {
  const { proxies, options } = await startProxies(clusterBench.cluster)
  const penknife = open(clusterPattern(clusterBench.cluster, options), { deadline: 500 })
  const counts = spacesOnAll(penknife).map((space) => counters(space, 500))
  await Promise.all(counts.map((count) => count('a')))
  await until('all is well', async () => (await penknife.health()).status === 'ok')
  await proxies[1]!.leave()
  await until('a call noticed', async () => (await failure(counts[1]!('a'))).code === 'PENKNIFE_UNAVAILABLE')
  const health = await penknife.health()
  expect(health).toMatchObject({ status: 'degraded', reason: expect.stringMatching(/ECONNREFUSED/) })
  await proxies[1]!.comeBack()
  // Without another call: health itself checks.
  await until('all is well again', async () => (await penknife.health()).status === 'ok')
})

import { createNotifier, createStream, type NotifierEvent, type Space } from '@penknife/core'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { type PrivateCluster, startCluster } from '../../scripts/redis/cluster.ts'
import { openReady } from '../support/connect.ts'
import { clusterPattern } from '../support/redis.ts'
import { moveSlot } from '../support/slots.ts'
import { masterOf, spacesOnAll } from '../support/spaces.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

let cluster: PrivateCluster
let raws: Redis[] = []

beforeAll(async () => {
  cluster = await startCluster({ replicasPerMaster: 1 })
  raws = cluster.nodes.map(({ socket }) => new Redis(socket).on('error', () => {}))
})
afterAll(async () => {
  for (const raw of raws) raw.disconnect()
  await cluster?.stop()
})

const WITHIN_MS = 25_000

/** Publishes and adds to a space all the time. Resolves with the confirmed ids. */
function keepWriting(space: Space): {
  readonly published: string[]
  readonly added: string[]
  stop(): Promise<void>
} {
  const notifier = createNotifier(space, 'main')
  const stream = createStream<number>(space, 'orders', { groups: ['billing'] })
  const published: string[] = []
  const added: string[] = []
  const stopping = new AbortController()
  const writer = (async () => {
    for (let next = 0; !stopping.signal.aborted; next++) {
      await Promise.allSettled([
        notifier.publish('room', next).then((id) => published.push(id)),
        stream.add(next).then((id) => added.push(id)),
      ])
    }
  })()
  return {
    published,
    added,
    async stop() {
      stopping.abort()
      await writer
    },
  }
}

async function followed(space: Space): Promise<{
  readonly events: NotifierEvent[]
  readonly handled: Set<string>
}> {
  const events: NotifierEvent[] = []
  await createNotifier(space, 'main').subscribe(['room'], { onEvent: (event) => events.push(event) })
  const handled = new Set<string>()
  const stream = createStream<number>(space, 'orders', { groups: ['billing'] })
  startWorker(stream, 'billing', ({ id }) => void handled.add(id), { lease: 1000 })
  return { events, handled }
}

function expectContiguous(events: readonly NotifierEvent[]): void {
  const offsets = events.map(({ id }) => Number(id?.split('-')[1]))
  expect(events.every(({ kind }) => kind === 'message')).toBe(true)
  expect(offsets).toEqual(offsets.map((_, at) => offsets[0]! + at))
}

test('when a slot moves to another master, its subscribers and workers move along', async () => {
  const [writing, reading, idle] = await Promise.all([1, 2, 3].map(() => openReady(clusterPattern(cluster))))
  const space = spacesOnAll(reading!)[2] as Space
  const { events, handled } = await followed(space)
  const received: NotifierEvent[] = []
  await createNotifier(idle!.space(space.name), 'main').subscribe(['room'], {
    onEvent: (event) => received.push(event),
  })
  const writer = keepWriting(writing!.space(space.name))
  await until('writing', () => writer.published.length > 50 && handled.size > 50)
  const { slot } = space.runtime.keys.route
  await moveSlot(cluster, raws, slot, masterOf(slot), 1)
  const before = writer.published.length
  await until('writing went on', () => writer.published.length > before + 50, WITHIN_MS)
  await writer.stop()
  // Well before the periodic check would notice.
  await until(
    'all events came',
    () => events.length === received.length && received.length >= writer.published.length,
    5000,
  )
  expectContiguous(events)
  expectContiguous(received)
  await until('all entries were handled', () => writer.added.every((id) => handled.has(id)), WITHIN_MS)
}, 60_000)

test('when a replica takes over from its master on request, no event and no entry is lost', async () => {
  const [writing, reading] = await Promise.all([1, 2].map(() => openReady(clusterPattern(cluster))))
  const [space] = spacesOnAll(reading!) as [Space]
  const { events, handled } = await followed(space)
  const writer = keepWriting(writing!.space(space.name))
  await until('writing', () => writer.published.length > 50 && handled.size > 50)
  const master = masterOf(space.runtime.keys.route.slot)
  const [old, replica] = [raws[master]!, raws[master + 3]!]
  await replica.cluster('FAILOVER')
  await until('the roles changed', async () => (await replica.info('replication')).includes('role:master'))
  await until('the old master knows', async () => (await old.info('replication')).includes('role:slave'))
  const before = writer.published.length
  await until('writing went on', () => writer.published.length > before + 50, WITHIN_MS)
  await writer.stop()
  await until('all events came', () => events.length >= writer.published.length, WITHIN_MS)
  expectContiguous(events)
  await until('all entries were handled', () => writer.added.every((id) => handled.has(id)), WITHIN_MS)
}, 60_000)

test('when a master dies and its replica is elected, subscribers and workers continue by themselves', async () => {
  const [writing, reading, idle] = await Promise.all([1, 2, 3].map(() => openReady(clusterPattern(cluster))))
  const space = spacesOnAll(reading!)[1] as Space
  const { events, handled } = await followed(space)
  // A process that does nothing but listen.
  const received: NotifierEvent[] = []
  await createNotifier(idle!.space(space.name), 'main').subscribe(['room'], {
    onEvent: (event) => received.push(event),
  })
  const notifier = createNotifier(writing!.space(space.name), 'main')
  const stream = createStream<number>(writing!.space(space.name), 'orders', { groups: ['billing'] })
  const before = await Promise.all(
    Array.from({ length: 50 }, (_, at) => Promise.all([notifier.publish('room', at), stream.add(at)])),
  )
  await until('all came', () => events.length === 50 && received.length === 50 && handled.size === 50)
  const master = masterOf(space.runtime.keys.route.slot)
  const [old, replica] = [raws[master]!, raws[master + 3]!]
  // Replication is asynchronous: this test is about resuming, so the replica has everything.
  await old.set(space.runtime.keys.leaderboard('barrier'), '1')
  expect(await old.wait(1, 5000)).toBe(1)
  await cluster.nodes[master]!.kill()
  await until(
    'the replica was elected',
    async () => (await replica.info('replication')).includes('role:master'),
    WITHIN_MS,
  )

  const writer = keepWriting(writing!.space(space.name))
  await until('writing goes on', () => writer.published.length > 50, WITHIN_MS)
  await writer.stop()
  await until('all events came', () => events.length >= 50 + writer.published.length, WITHIN_MS)
  await until('all events came to the idle process', () => received.length === events.length, 5000)
  expectContiguous(events)
  expectContiguous(received)
  await until('all entries were handled', () => writer.added.every((id) => handled.has(id)), WITHIN_MS)
  expect(before).toHaveLength(50)
}, 60_000)

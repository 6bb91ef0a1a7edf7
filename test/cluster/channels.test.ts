import { createNotifier, type NotifierEvent, type NotifierNudge, type Space } from '@penknife/core'
import { expect, test, vi } from 'vitest'

import { numbers } from '../support/channels.ts'
import { startProxies } from '../support/cluster-proxies.ts'
import { openReady } from '../support/connect.ts'
import { callsOf, clusterPattern, useCluster } from '../support/redis.ts'
import { moveSlot } from '../support/slots.ts'
import { masterOf, spacesOnAll } from '../support/spaces.ts'
import { until } from '../support/until.ts'

const bench = useCluster()

test('nudges reach the listeners of their space, and nothing goes over the bus of the cluster', async () => {
  const penknife = await openReady(clusterPattern(bench.cluster))
  const spaces = spacesOnAll(penknife)
  const received: string[] = []
  for (const space of spaces) {
    await createNotifier(space, 'main').listen(['*'], {
      onEvent: (event) => event.kind === 'message' && received.push(`${space.name} ${event.channel}`),
    })
  }
  for (const space of spaces) await createNotifier(space, 'main').nudge('a', 1)
  await until('all arrived', () => received.length >= spaces.length)
  expect(received.toSorted()).toEqual(spaces.map((space) => `${space.name} a`).toSorted())
  const sent = await Promise.all(bench.raws.map((raw) => raw.cluster('INFO')))
  for (const info of sent) expect(info).not.toMatch(/cluster_stats_messages_publish(shard)?_sent:[1-9]/)
})

test('a silent connection to one master is closed, and its channels catch up', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
  try {
    const { proxies, options } = await startProxies(bench.cluster)
    const publishing = await openReady(clusterPattern(bench.cluster))
    const following = await openReady(clusterPattern(bench.cluster, options))
    const each = await Promise.all(
      spacesOnAll(following).map(async (space) => {
        const events: NotifierEvent[] = []
        await createNotifier(space, 'main').subscribe(['quiet'], { onEvent: (event) => events.push(event) })
        const { slot } = space.runtime.keys.route
        return {
          publisher: createNotifier(publishing.space(space.name), 'main'),
          events,
          master: masterOf(slot),
        }
      }),
    )
    const publish = (data: number): Promise<unknown> =>
      Promise.all(each.map(({ publisher }) => publisher.publish('quiet', data)))
    await publish(1)
    for (const { events } of each) await until('the first came', () => events.length === 1)
    const silent = proxies[each[0]!.master]!
    silent.goSilent()
    await publish(2)
    silent.pass({ only: 'new' })
    for (const { events } of each.slice(1)) await until('others get it', () => events.length === 2)
    expect(each[0]!.events).toHaveLength(1)
    // The PING gets no answer, and the socket is closed.
    vi.advanceTimersByTime(10_000)
    await until('it caught up', () => each[0]!.events.length === 2, 20_000)
    for (const { events } of each) {
      expect(events.map((event) => event.kind === 'message' && event.data)).toEqual([1, 2])
    }
  } finally {
    vi.useRealTimers()
  }
}, 60_000)

// The last, because the slot stays where it is then.
test('when a slot with many channels moves, each is subscribed again a few times at most, and no event is missed', async () => {
  const [publishing, following] = await Promise.all(
    [1, 2].map(() => openReady(clusterPattern(bench.cluster))),
  )
  const [space] = spacesOnAll(following!) as [Space]
  const { slot } = space.runtime.keys.route
  const channels = numbers(300).map((at) => `room:${at}`)
  const events: NotifierEvent[] = []
  const nudges: NotifierNudge[] = []
  const notifier = createNotifier(space, 'main')
  await notifier.subscribe(channels, { onEvent: (event) => events.push(event) })
  await notifier.listen(['room:*'], { onEvent: (event) => nudges.push(event) })
  const publisher = createNotifier(publishing!.space(space.name), 'main')
  const publish = (at: number): Promise<unknown> =>
    Promise.all(channels.map((channel) => publisher.publish(channel, at)))

  await publish(1)
  await until('all came', () => events.length === 300)
  await moveSlot(bench.cluster, bench.raws, slot, masterOf(slot), 1)
  await publish(2)
  await until('all came', () => events.length === 600)
  for (const channel of channels) {
    const of = events.filter((event) => event.channel === channel)
    expect(of.map((event) => event.kind === 'message' && event.data)).toEqual([1, 2])
  }
  await until('the listener was notified', () => nudges.some(({ kind }) => kind === 'interrupted'))
  await publisher.nudge('room:1', 'after')
  await until('it gets nudges again', () => nudges.some(({ kind }) => kind === 'message'))
  const asked = await Promise.all(bench.raws.map((raw) => callsOf(raw, 'ssubscribe')))
  expect(asked.reduce((sum, each) => sum + each)).toBeLessThan(301 * 5)
}, 60_000)

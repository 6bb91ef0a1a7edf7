import { connect, createStream, type Penknife, type StreamEvent } from '@penknife/core'
import { afterAll, beforeAll, expect, test } from 'vitest'

import { available } from '../support/connect.ts'
import { clusterPattern, useCluster } from '../support/redis.ts'
import { spacesOnAll } from '../support/spaces.ts'
import { until } from '../support/until.ts'

const bench = useCluster()
let all: Penknife[] = []
beforeAll(async () => {
  all = [connect(clusterPattern(bench.cluster)), connect(clusterPattern(bench.cluster))]
  await Promise.all(all.map(available))
})
afterAll(() => Promise.all(all.map((penknife) => penknife.close())))

test('on a cluster, schedules of every master add each occurrence once, by two processes', async () => {
  const [one, two] = all as [Penknife, Penknife]
  const spaces = spacesOnAll(one).map(async ({ name }) => {
    const streams = [one, two].map((penknife) =>
      createStream<{ of: string; at: number }>(penknife.space(name), 'reports', { groups: ['mail'] }),
    )
    const [stream] = streams as [(typeof streams)[0]]
    const added: StreamEvent[] = []
    for (const each of streams) each.on((event) => void (event.kind === 'scheduled' && added.push(event)))
    const often = { every: '1s', timeField: 'at', missed: 'all', overlap: 'skip' } as const
    await Promise.all(streams.map((each) => each.schedule('alone', { ...often, payload: { of: 'alone' } })))
    await Promise.all(
      streams.map((each) => each.schedule('all', { ...often, payload: { of: 'all' }, overlap: 'allow' })),
    )
    await until('three occurrences', () => added.length >= 4)
    const { items } = await stream.schedules.list()
    expect(items.map(({ id }) => id)).toEqual(['all', 'alone'])
    for (const { id } of items) await stream.schedules.pause(id)
    const entries = (await stream.read({ limit: 1000 })).items.map(({ payload }) => payload)
    const times = entries.filter((entry) => entry.of === 'all').map(({ at }) => at)
    expect(new Set(times).size).toBe(times.length)
    // It waits for its first entry, which nobody handles.
    expect(entries.length - times.length).toBe(1)
    expect(await stream.schedules.run('alone')).toBeUndefined()
    expect(await stream.schedules.remove('all')).toBe(true)
  })
  await Promise.all(spaces)
})

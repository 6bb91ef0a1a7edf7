import { createRateLimiter, createStream } from '@penknife/core'
import { inspect } from '@penknife/core/inspect'
import { Cluster } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { useCluster } from '../support/redis.ts'

const bench = useCluster()

test('on a cluster: lists every space, though each is in a slot of its own, and explains in the slot of a subject', async () => {
  const [first] = bench.cluster.nodes
  const client = new Cluster([{ host: '127.0.0.1', port: first?.port ?? 0 }], { lazyConnect: true })
  onTestFinished(() => client.disconnect())
  const app = await openReady(client, { deadline: '30s' })
  const names = ['blog', 'mail', 'shop', 'wiki']
  for (const name of names) {
    const space = app.space(name)
    createStream(space, 'orders', { groups: ['billing'] })
    const limiter = createRateLimiter(space, 'api', { rules: [{ name: 'hour', limit: 1, window: '1h' }] })
    await limiter.take('ann')
    await createStream(space, 'orders', { groups: ['billing'] }).add(1)
    await space.runtime.registered()
  }
  const inspector = inspect(await openReady(client, { deadline: '30s' }))
  expect((await inspector.spaces()).items.map(({ name }) => name)).toEqual(names)
  for (const name of names) {
    expect(await inspector.totals(name)).toMatchObject({ objects: { stream: 1, limiter: 1 }, waiting: 1 })
    expect(await inspector.explainSubject(name, 'api', 'ann')).toMatchObject({
      allowed: false,
      violated: ['hour'],
    })
  }
})

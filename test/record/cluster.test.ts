import {
  connect,
  createCounters,
  createLeaderboard,
  createNotifier,
  createRateLimiter,
  createStream,
  record,
} from '@penknife/core'
import { Cluster } from 'ioredis'
import { expect, onTestFinished, test } from 'vitest'

import { useCluster } from '../support/redis.ts'
import { startWorker } from '../support/workers.ts'

const bench = useCluster()

function open() {
  const client = new Cluster([...bench.cluster.startupNodes], { lazyConnect: true })
  const penknife = connect(client)
  onTestFinished(() => penknife.close())
  return penknife
}

test('spaces on different masters of a cluster each change in one step', async () => {
  const penknife = open()
  const made = await Promise.all(
    Array.from({ length: 12 }, async (_, at) => {
      const space = penknife.space(`shop-${at}`)
      const orders = createStream<number>(space, 'orders', { groups: ['billing'] })
      const mails = createStream<number>(space, 'mails', { groups: ['sending'] })
      const points = createLeaderboard(space, 'points', {
        windows: { day: { calendar: 'day' }, hour: { last: '1h' } },
      })
      const stock = createCounters(space, 'stock', { initial: 1 })
      const news = createNotifier(space, 'news')
      const limiter = createRateLimiter(space, 'api', {
        rules: [
          { name: 'user', algorithm: 'gcra', limit: 10, window: '1h', per: 'user' },
          { name: 'tenant', algorithm: 'sliding-log', limit: 10, window: '1h', per: 'tenant' },
        ],
        place: 'space',
      })
      const send = () =>
        record(
          space,
          { id: 'one' },
          orders.adding(at),
          points.incrementing('ann', at),
          stock.decrementing('a'),
          limiter.taking({ user: 'ann', tenant: 'acme' }),
          news.publishing('all', at),
        )
      const answers = [await send(), await send()]
      const { saw } = startWorker(orders, 'billing', (delivery) =>
        delivery.commit(mails.adding(delivery.payload), points.incrementing('bob')),
      )
      await saw('done')
      const refused = await record(space, orders.adding(0), stock.decrementing('a'))
      const mailed = (await mails.read()).items.map(({ payload }) => payload)
      return { repeated: answers.map((answer) => answer.ok && answer.repeated), refused: !refused.ok, mailed }
    }),
  )
  expect(made).toEqual(made.map((_, at) => ({ repeated: [false, true], refused: true, mailed: [at] })))
})

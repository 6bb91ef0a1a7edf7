import { createStream } from '@penknife/core'
import { inspect } from '@penknife/core/inspect'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom('add', 'add of a', 'add of b') },
  fc.constantFrom('low', 'delay', 'pause', 'resume', 'finish', 'fail', 'take', 'requeue', 'clear'),
)

test('a stream has the same counts as in stats, whatever happened to it', async () => {
  const penknife = await openReady(bench.raw, { deadline: '30s' })
  const inspector = inspect(penknife)
  let run = 0
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 1, maxLength: 15 }),
      fc.boolean(),
      async (steps, ordered) => {
        const space = penknife.space(`run-${run++}`)
        const order = ordered ? { order: 'key' as const } : {}
        const stream = createStream(space, 'orders', { groups: ['g'], ...order })
        const key = space.runtime.keys.stream('orders')
        const group = stream.group('g')
        const stats = async () => (await stream.stats({ over: 0 })).groups[0]

        async function work(fails: boolean): Promise<void> {
          const worker = stream.worker('g', () => (fails ? Promise.reject(new Error('no')) : undefined), {
            maxAttempts: 1,
          })
          worker.on(() => {})
          await until('nothing waits, or it is paused', async () => {
            const now = await stats()
            return now?.waiting === 0 || now?.paused === true
          })
          await worker.close({ deadline: 1000 })
        }

        for (const each of steps) {
          if (each.startsWith('add')) await stream.add(each, ordered && each !== 'add' ? { key: each } : {})
          else if (each === 'low') await stream.add(each, ordered ? {} : { priority: 'low' })
          else if (each === 'delay') await stream.add(each, { delay: '1h' })
          else if (each === 'pause') await group.pause()
          else if (each === 'resume') await group.resume()
          else if (each === 'requeue') await group.deadLetters.requeue({})
          else if (each === 'clear') await group.clear()
          else if (each === 'take') {
            // By a worker that does not come back.
            await bench.raw.xgroup('CREATE', key, 'g', '0', 'MKSTREAM').catch(() => {})
            await bench.raw.xreadgroup('GROUP', 'g', 'gone', 'COUNT', 2, 'STREAMS', key, '>')
          } else await work(each === 'fail')
        }
        await space.runtime.registered()
        const now = await stats()
        const { waiting, exact, running, delayed, queued, dead, paused } = now as NonNullable<typeof now>
        const [found] = (await inspector.streamState(space.name, 'orders')).groups
        expect(found).toMatchObject({ waiting, exact, running, delayed, queued, dead, paused })
      },
    ),
    { numRuns: 60 },
  )
})

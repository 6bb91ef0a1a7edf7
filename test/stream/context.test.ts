import { AsyncLocalStorage } from 'node:async_hooks'
import { setImmediate as turn, setTimeout as delay } from 'node:timers/promises'
import type { Worker } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { addNumbers, openOrders } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

test.each([
  ['an empty one', undefined],
  ['one of the application', 'application'],
])(
  'a handler has the async context in which its worker was created, whatever other handlers or callers entered: %s',
  async (_, store) => {
    const stream = await openOrders(bench)
    const context = new AsyncLocalStorage<string>()
    const seen: (string | undefined)[] = []
    let worker!: Worker
    const inContext = (start: () => void): void => (store === undefined ? start() : context.run(store, start))
    inContext(() => {
      worker = stream.worker(
        'billing',
        async ({ payload, extend, commit }) => {
          seen.push(context.getStore())
          context.enterWith(`entry ${payload}`)
          if (payload % 4 === 0) return
          // Its timer, which is set in the handler, frees the place for the next entry.
          extend(20)
          if (payload % 10 === 7) await delay(40)
          if (payload % 4 === 1) await commit(stream.adding(0, { delay: '1h' }))
          else await turn()
          if (payload % 4 === 3) throw new Error('broken')
        },
        { concurrency: 1, maxAttempts: 1, timeout: 10 },
      )
    })
    onTestFinished(() => worker.close({ deadline: 0 }))
    await context.run('request', async () => {
      await addNumbers(stream, 40)
      await until('some were handled', () => seen.length > 10)
      await worker.pause()
      worker.resume()
      worker.setConcurrency(2)
      await until('all were handled', () => seen.length === 40)
    })
    expect(new Set(seen)).toEqual(new Set([store]))
  },
)

test('a handler gets the context of its worker, also right after handlers that entered another one for the first time, and whatever its schema enters', async () => {
  const context = new AsyncLocalStorage<string>()
  const schema = {
    '~standard': {
      version: 1,
      vendor: 'test',
      validate(value: unknown) {
        if (value === 2) context.enterWith('schema')
        return { value: value as number }
      },
    },
  } as const
  const stream = await openOrders(bench, { schema })
  const seen: (string | undefined)[] = []
  const worker = stream.worker(
    'billing',
    ({ payload }) => {
      seen.push(context.getStore())
      if (payload === 300) context.enterWith('handler')
    },
    { concurrency: 1 },
  )
  onTestFinished(() => worker.close({ deadline: 0 }))
  // Adding runs the schema too.
  await context.run('request', () => addNumbers(stream, 320))
  await until('all were handled', () => seen.length === 320)
  expect(new Set(seen)).toEqual(new Set([undefined]))
})

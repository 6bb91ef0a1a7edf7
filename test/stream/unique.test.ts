import { createStream, type Stream } from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createScope } from '../../packages/core/src/stream/scope.ts'
import { streamSettings } from '../../packages/core/src/stream/settings.ts'
import { bindWorkerScripts } from '../../packages/core/src/stream/worker-scripts.ts'
import { openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { openOrders, ORDERS } from '../support/orders.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases, until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()
const UNIQUE = { groups: ['billing'], dedup: { until: 'finished' } } as const

test.each([
  ['a work queue', {}],
  ['a work queue with order by key', { order: { field: 'key' } } as const],
])('in %s an id is taken until its entry ends, whatever happens to the entry', async (_, order) => {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const options = { ...UNIQUE, ...order }
  const scope = createScope(space, 'orders', streamSettings(options))
  const lost = bindWorkerScripts(scope, 'billing', 'one', { leaseMs: 0, maxAttempts: 1000 })
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          do: fc.constantFrom('add', 'add', 'read', 'finish', 'retry', 'bury', 'die', 'cancel', 'clear'),
          which: fc.nat(2),
        }),
        { minLength: 5, maxLength: 30 },
      ),
      async (steps) => {
        await bench.raw.flushall()
        const stream: Stream<{ key: string }> = createStream(space, 'orders', options)
        await lost.open('0')
        /** The unfinished entry of each id. */
        const taken = new Map<string, string>()
        let held: { id: string; code: string; position: string; place: string }[] = []
        let number = 0

        async function settle(which: number, how: string): Promise<void> {
          const [one] = held.splice(which, 1)
          if (!one) return
          const { code, position, place, id } = one
          const move = {
            finish: ['done', 0, 1, 0, '', 'd'],
            retry: ['retrying', 1, 1, 0, '', ''],
            bury: ['dead', 1, 1, 0, 'failed', 'why'],
          }[how]
          expect(place === '').toBe(Object.keys(order).length === 0)
          const none = JSON.stringify([[], [], [], [], 1])
          expect(await lost.settle(++number, none, JSON.stringify([[code, position, ...(move ?? [])]]))).toBe(
            '',
          )
          if (how !== 'retry') for (const [key, its] of taken) if (its === id) taken.delete(key)
        }

        for (const each of steps) {
          const dedupId = `job ${each.which}`
          const id = taken.get(dedupId)
          if (each.do === 'add') {
            const priority = (['normal', 'high', 'low'] as const)[each.which] ?? 'normal'
            const level = Object.keys(order).length === 0 ? { priority } : {}
            const added = await stream.add({ key: `k${each.which}` }, { id: dedupId, ...level })
            if (id !== undefined) expect(added).toBe(id)
            expect([...taken].filter(([key, its]) => its === added && key !== dedupId)).toEqual([])
            taken.set(dedupId, added)
          } else if (each.do === 'read') {
            await lost.promote(1, each.which === 0)
            held.push(...(await read()))
          } else if (each.do === 'die') {
            held = []
            await lost.check('0-0', '0-0')
          } else if (each.do === 'cancel') {
            if (id === undefined) continue
            expect(await stream.cancel(id)).toMatchObject({ changed: true })
            taken.delete(dedupId)
            held = held.filter((one) => one.id !== id)
          } else if (each.do === 'clear') {
            await stream.group('billing').clear()
            const running = new Set(held.map((one) => one.id))
            for (const [key, its] of taken) if (!running.has(its)) taken.delete(key)
          } else await settle(each.which, each.do)
          const fields = Object.entries(await bench.raw.hgetall(`${ORDERS}:results:billing`))
          expect(fields.map(([, its]) => its).toSorted()).toEqual([...taken.values()].toSorted())
        }
      },
    ),
    cases(35, 2000),
  )

  async function read(): Promise<{ id: string; code: string; position: string; place: string }[]> {
    // Also makes retries ready that are due.
    await bindWorkerScripts(scope, 'billing', 'one', { leaseMs: 86_400_000, maxAttempts: 9 }).check(
      '0-0',
      '0-0',
    )
    const keys = [`${ORDERS}:ready:billing`, ORDERS]
    const reply = await bench.raw.xreadgroup(
      'GROUP',
      'billing',
      'one',
      'COUNT',
      1,
      'STREAMS',
      ...keys,
      '>',
      '>',
    )
    return ((reply ?? []) as [string, [string, string[]][]][]).flatMap(([key, entries]) =>
      entries.map(([position, fields]) => {
        const of = (name: string): string => fields[fields.indexOf(name) + 1] ?? ''
        const again = key !== ORDERS
        const place = fields.includes('k') ? of('k') : ''
        return { id: again ? of('i') : position, code: again ? 'r' : 'm', position, place }
      }),
    )
  }
})

test('an id is taken while its entry is delayed, runs or is retried, and free once a handler finished it or committed', async () => {
  const stream = await openOrders<string>(bench, UNIQUE)
  const gate = deferred()
  const { saw } = startWorker(
    stream,
    'billing',
    async ({ payload, attempt, commit }) => {
      if (payload === 'commits') return commit(stream.adding('more'))
      if (attempt === 1) throw new Error('again')
      return gate.promise
    },
    { retryDelay: 1 },
  )
  const first = await stream.add('works', { id: 'a', delay: 5 })
  expect(await stream.add('works', { id: 'a' })).toBe(first)
  await saw('retrying')
  expect(await stream.add('works', { id: 'a' })).toBe(first)
  gate.resolve()
  await saw('done')
  const second = await stream.add('commits', { id: 'a', result: { keep: '1h' } })
  expect(second).not.toBe(first)
  expect(await stream.result(second)).toMatchObject({ state: 'done' })
  expect(await stream.add('works', { id: 'a', delay: '1h' })).not.toBe(second)
})

test('an id whose entry was deleted by hand is free after the window, and wrong options are refused', async () => {
  const stream = await openOrders<string>(bench, { ...UNIQUE, dedup: { until: 'finished', window: 1 } })
  const first = await stream.add('gone', { id: 'a' })
  await bench.raw.del(ORDERS)
  await bench.raw.zadd(
    `${ORDERS}:results-due:billing`,
    'XX',
    1,
    ...((await bench.raw.hkeys(`${ORDERS}:results:billing`)) as [string]),
  )
  // The window is a millisecond, which the commands above may not take.
  await until('it is free', async () => (await stream.add('here', { id: 'a' })) !== first)
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const refused = (options: object): unknown => {
    try {
      return createStream(space, 'other', options)
    } catch (error) {
      return (error as { option?: string }).option
    }
  }
  expect(refused({ dedup: { until: 'finished' } })).toBe('until')
  expect(refused({ groups: ['a', 'b'], dedup: { until: 'finished' } })).toBe('until')
  expect(refused({ groups: ['a'], dedup: { until: 'done' } })).toBe('until')
})

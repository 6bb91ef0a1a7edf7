import { createStream } from '@penknife/core'
import { availableParallelism } from 'node:os'
import { expect, test } from 'vitest'

import { startProgram } from '../support/child.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker } from '../support/workers.ts'

const bench = useRedis()

const THREADS = Math.max(1, availableParallelism() - 1)
const LEASE = 1500
/** Counting so far would take years. */
const ENDLESS = { below: 1e15 }

interface News {
  readonly event?: string
  readonly id?: string
  readonly attempt?: number
  readonly echo?: string
}

test('while jobs burn the CPU in threads, their process answers and keeps their leases; a cancel ends its thread; a close gives them back', async () => {
  const space = (await openReady(pattern(bench.server.url))).space('shop')
  const numbers = createStream<{ below: number }>(space, 'numbers', { groups: ['count'] })
  const options = JSON.stringify({ lease: LEASE, timeout: false })
  const child = startProgram('threads-worker', [bench.server.url, options])
  const said: News[] = []
  const listening = (async () => {
    for (;;) said.push(await child.next<News>())
  })().catch(() => {})
  const saw = (wanted: News, times = 1): Promise<void> =>
    until(`${times} times ${JSON.stringify(wanted)}`, () => {
      const found = said.filter((news) =>
        Object.entries(wanted).every(([name, value]) => Reflect.get(news, name) === value),
      )
      return found.length >= times
    })

  const jobs = Array.from({ length: THREADS }, () => numbers.add(ENDLESS, { result: { keep: '1h' } }))
  const [cancelled = '', ...others] = await Promise.all(jobs)
  await saw({ event: 'started' }, THREADS)

  const short = await numbers.add({ below: 100 }, { result: { keep: '1h' } })
  await numbers.cancel(cancelled)
  await saw({ event: 'done', id: short })
  expect(await numbers.result(short)).toEqual({ state: 'done', value: 25 })

  const burning = [...others, await numbers.add(ENDLESS)]
  await saw({ event: 'started', id: burning.at(-1) ?? '' })
  const heir = startWorker(numbers, 'count', () => {}, { lease: LEASE })
  const [watched = ''] = burning
  let idleMs = Infinity
  let renewals = 0
  await until('its leases were renewed for longer than a lease', async () => {
    const { idleMs: now } = await numbers.find(watched)
    if (now !== undefined && now < idleMs) renewals += 1
    idleMs = now ?? Infinity
    return renewals > 4
  })
  child.process.stdin?.write('are you there?')
  await saw({ echo: 'are you there?' })
  expect(heir.events).toEqual([])

  child.process.kill('SIGTERM')
  expect(await child.ended()).toMatchObject({ code: 0 })
  await listening
  await heir.saw('done', THREADS)
  expect(heir.of('done').map(({ id, attempt }) => [id, attempt])).toEqual(burning.map((id) => [id, 1]))
  expect(said.map(({ event }) => event)).not.toContain('lost')
})

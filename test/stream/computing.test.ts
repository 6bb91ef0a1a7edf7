import { setImmediate as turn } from 'node:timers/promises'

import { expect, test } from 'vitest'

import { startProgram } from '../support/child.ts'
import { addNumbers, deadLettersOf, openOrders, pendingOf } from '../support/orders.ts'
import { useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorker, type WorkerNews } from '../support/workers.ts'

const bench = useRedis()

/** A process whose handler keeps the event loop busy for so long, and its messages so far. */
function startComputing(ms: number, options: object) {
  const child = startProgram('computing-worker', [bench.server.url, String(ms), JSON.stringify(options)])
  const said: WorkerNews[] = []
  const read = async (): Promise<void> => {
    for (;;) said.push(await child.next<WorkerNews>())
  }
  read().catch(() => {})
  return {
    process: child.process,
    starts: () => said.flatMap((news) => ('started' in news ? [news.started] : [])),
    of: (kind: string) => said.filter((news) => 'event' in news && news.event === kind).length,
  }
}

test('handlers that together compute for longer than a lease keep their leases: each entry is handled once', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  const count = 60
  await addNumbers(stream, count)
  // As many as a worker has places for compute for a lease and a third.
  const options = { lease: 1800, concurrency: 40, maxAttempts: 2 }
  const workers = [1, 2, 3].map(() => startComputing(60, options))
  const done = (): number => workers.reduce((sum, { of }) => sum + of('done'), 0)
  await until('all are done', () => done() >= count, 30_000)
  const starts = workers.flatMap((worker) => worker.starts())
  expect(new Set(starts).size).toBe(count)
  // A busy machine may stop a process for longer than its lease.
  expect(starts.length).toBeLessThanOrEqual(count + 10)
  expect(await deadLettersOf(stream, 'billing')).toEqual([])
}, 60_000)

test('a worker that was suspended past its leases starts no entry that another worker took over', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  const ids = await addNumbers(stream, 10)
  const frozen = startComputing(500, { lease: 500 })
  await until('it has all, and handles one', () => frozen.starts().length > 0)
  frozen.process.kill('SIGSTOP')
  const begun = frozen.starts()
  expect(await pendingOf(bench.raw, 'billing')).toHaveLength(10)
  const heir = startWorker(stream, 'billing', () => {}, { lease: 500 })
  await heir.saw('done', 10)
  frozen.process.kill('SIGCONT')
  await until('it knows', () => frozen.of('lost') === 10, 30_000)
  expect(frozen.starts()).toEqual(begun)
  expect(begun).toEqual(ids.slice(0, 1))
})

test('after a listener that computed until a renewal was overdue the next entry waits for it', async () => {
  const stream = await openOrders(bench, { groups: ['billing'] })
  await addNumbers(stream, 2)
  const starts: string[] = []
  let computed = 'before'
  const { worker, saw } = startWorker(
    stream,
    'billing',
    async () => {
      starts.push(computed)
      if (starts.length > 1) return
      // The other entry, which was fetched too, waits: the time of this slice is over, and there is one place only.
      worker.setConcurrency(1)
      compute(20)
      // The next slice begins.
      for (let at = 0; at < 3; at++) await turn()
      throw new Error('broken')
    },
    { lease: 2000, concurrency: 2, maxAttempts: 1 },
  )
  worker.on(({ kind }) => {
    if (kind !== 'failed') return
    compute(900)
    computed = 'at once'
    // Before the next reply of Redis is read.
    process.nextTick(() => (computed = 'later'))
  })
  await saw('done')
  expect(starts).toEqual(['before', 'later'])
})

/** Keeps the event loop busy. */
function compute(ms: number): void {
  for (const end = performance.now() + ms; performance.now() < end;);
}

import { expect, test } from 'vitest'

import { addNumbers, openOrders, pendingOf, readersWaiting, deadLettersOf } from '../support/orders.ts'
import { callsOf, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { startWorkerProcess } from '../support/workers.ts'

const bench = useRedis()

test('an entry whose worker was killed goes to another worker after the lease, with the same attempt', async () => {
  const stream = await openOrders(bench)
  const id = await stream.add(0)
  const victim = startWorkerProcess(bench.server.url, bench.raw, { lease: 1000 })
  expect(await victim.next('started')).toEqual({ started: id, attempt: 1 })
  const heir = startWorkerProcess(bench.server.url, bench.raw, { lease: 1000 })
  await until('the other worker waits', async () => (await readersWaiting(bench.raw)) === 1)
  victim.child.process.kill('SIGKILL')
  expect(await heir.next('started')).toEqual({ started: id, attempt: 1 })
  await heir.tell('finish')
  expect(await heir.next('done')).toEqual({ event: 'done', id, attempt: 1 })
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
})

test('a worker that was suspended past its lease gets a lost event and cannot finish the entry', async () => {
  const stream = await openOrders(bench)
  const id = await stream.add(0)
  const frozen = startWorkerProcess(bench.server.url, bench.raw, { lease: 1500 })
  await frozen.next('started')
  const heir = startWorkerProcess(bench.server.url, bench.raw, { lease: 1500 })
  await until('the other worker waits', async () => (await readersWaiting(bench.raw)) === 1)
  frozen.child.process.kill('SIGSTOP')
  expect(await heir.next('started')).toEqual({ started: id, attempt: 1 })

  frozen.child.process.kill('SIGCONT')
  expect(await frozen.next('aborted')).toEqual({ aborted: id })
  expect(await frozen.next('lost')).toEqual({ event: 'lost', id, attempt: 1 })
  await frozen.tell('finish')
  // After its check, the entry still belongs to the other worker.
  const finishes = await callsOf(bench.raw, 'evalsha')
  await until('time passed', async () => (await callsOf(bench.raw, 'evalsha')) > finishes + 5)
  const [entry] = await pendingOf(bench.raw, 'billing')
  expect(entry?.id).toBe(id)

  await heir.tell('finish')
  expect(await heir.next('done')).toEqual({ event: 'done', id, attempt: 1 })
  expect(frozen.said).not.toContainEqual(expect.objectContaining({ event: 'done' }))
  expect(await pendingOf(bench.raw, 'billing')).toEqual([])
})

test('a suspended worker whose handler had ended cannot finish the entry either', async () => {
  const stream = await openOrders(bench)
  const id = await stream.add(0)
  const frozen = startWorkerProcess(bench.server.url, bench.raw, { lease: 1500 })
  await frozen.next('started')
  const heir = startWorkerProcess(bench.server.url, bench.raw, { lease: 1500 })
  await until('the other worker waits', async () => (await readersWaiting(bench.raw)) === 1)
  frozen.child.process.kill('SIGSTOP')
  await heir.next('started')
  // The word to finish is in its socket when it wakes.
  await frozen.tell('finish')
  await heir.tell('finish')
  expect(await heir.next('done')).toEqual({ event: 'done', id, attempt: 1 })
  frozen.child.process.kill('SIGCONT')
  expect(await frozen.next('lost')).toEqual({ event: 'lost', id, attempt: 1 })
  expect(frozen.said).not.toContainEqual(expect.objectContaining({ event: 'done' }))
})

test(
  'an entry at which every process dies is buried, and the entries after it are handled',
  { timeout: 60_000 },
  async () => {
    const stream = await openOrders(bench)
    const [poison, good] = await addNumbers(stream, 2)
    const options = { lease: 1000, maxAttempts: 1 }
    // The first had both, so neither is known to have been started. The second records the one that it starts.
    for (let life = 1; life <= 2; life++) {
      const victim = startWorkerProcess(bench.server.url, bench.raw, options)
      expect(await victim.next('started')).toEqual({ started: poison, attempt: 1 })
      await victim.tell('die')
      await victim.child.ended()
      await until('its lease ended', async () => {
        const mine = (await pendingOf(bench.raw, 'billing')).find(({ id }) => id === poison)
        return mine !== undefined && mine.idleMs > 1000
      })
    }
    const last = startWorkerProcess(bench.server.url, bench.raw, options)
    expect(await last.next('dead')).toMatchObject({ id: poison })
    expect(await last.next('started')).toMatchObject({ started: good })
    await last.tell('finish')
    await last.next('done')
    expect(await deadLettersOf(stream, 'billing')).toMatchObject([
      { id: poison, json: '0', attempts: 1, why: 'vanished' },
    ])
    expect(last.said).not.toContainEqual(expect.objectContaining({ started: poison }))
  },
)

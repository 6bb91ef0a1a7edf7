import { createLeader, type Leader, type LeaderEvent, type LeaderOptions } from '@penknife/core'
import { expect, onTestFinished, test } from 'vitest'

import { openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const bench = useRedis()

/** One of a process of its own, with what it told. */
async function open(
  options: LeaderOptions = {},
): Promise<{ readonly leader: Leader; readonly events: LeaderEvent[] }> {
  const penknife = await openReady(pattern(bench.server.url))
  const leader = createLeader(penknife.space('shop'), 'reports', { lease: '1s', rest: '10ms', ...options })
  onTestFinished(() => leader.close())
  const events: LeaderEvent[] = []
  leader.on((event) => events.push(event))
  return { leader, events }
}

test('one process leads, and the next one when it steps down', async () => {
  const one = await open({ label: 'one' })
  await until('one leads', () => one.leader.held !== undefined)
  const two = await open({ label: 'two' })
  await new Promise((resolve) => setTimeout(resolve, 1500))
  expect(two.leader.held).toBeUndefined()
  expect(await two.leader.look()).toBe('one')
  await one.leader.close()
  await until('two leads', () => two.leader.held !== undefined)
  expect(one.events.map(({ kind }) => kind)).toEqual(['elected', 'stepped-down'])
  const [first] = one.events as [LeaderEvent & { fence: number }]
  expect(two.leader.held?.fence).toBeGreaterThan(first.fence)
})

test('what the leader does is told of the loss, and it stands for election again', async () => {
  const told = deferred()
  const { leader, events } = await open({
    lead: (held) =>
      new Promise((resolve) => {
        held.signal.addEventListener('abort', () => {
          told.resolve()
          resolve()
        })
      }),
  })
  await until('it leads', () => leader.held !== undefined)
  await bench.raw.del('pk1:{shop}:lock:leader.reports:leader')
  await told.promise
  await until('it leads again', () => events.filter(({ kind }) => kind === 'elected').length === 2)
  expect(events.map(({ kind }) => kind)).toEqual(['elected', 'lost', 'elected'])
})

test('what it throws is told, and the next one leads', async () => {
  const one = await open({ lead: () => Promise.reject(new Error('broken')), rest: '10s' })
  await until('it failed', () => one.events.some(({ kind }) => kind === 'failed'))
  const two = await open()
  await until('two leads', () => two.leader.held !== undefined)
})

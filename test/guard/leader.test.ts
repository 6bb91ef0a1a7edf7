import { getEventListeners } from 'node:events'

import { createLeader, type Leader, type LeaderEvent, type LeaderOptions } from '@penknife/core'
import { expect, onTestFinished, test, vi } from 'vitest'

import { openReady } from '../support/connect.ts'
import { deferred } from '../support/deferred.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { renewedFor } from './renewals.ts'

const bench = useRedis()
const LEADER = 'pk1:{shop}:lock:leader.reports:leader'

/** A leader of a process of its own, with its events. */
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
  await renewedFor(1000, async () => Number((await bench.raw.get(LEADER))?.split(' ')[0]))
  expect(two.leader.held).toBeUndefined()
  expect(await two.leader.look()).toBe('one')
  await one.leader.close()
  await until('two leads', () => two.leader.held !== undefined)
  expect(one.events).toMatchObject([
    { kind: 'elected', space: 'shop', name: 'reports' },
    { kind: 'stepped-down', space: 'shop', name: 'reports' },
  ])
  const [first] = one.events as [LeaderEvent & { fence: number }]
  expect(two.leader.held?.fence).toBeGreaterThan(first.fence)
})

test('the signal of the leader is aborted when the lease is lost, and it stands for election again', async () => {
  const aborted = deferred()
  const { leader, events } = await open({
    lead: (held) =>
      new Promise((resolve) => {
        held.signal.addEventListener('abort', () => {
          aborted.resolve()
          resolve()
        })
      }),
  })
  await until('it leads', () => leader.held !== undefined)
  await bench.raw.del(LEADER)
  await aborted.promise
  await until('it leads again', () => events.filter(({ kind }) => kind === 'elected').length === 2)
  expect(events.map(({ kind }) => kind)).toEqual(['elected', 'lost', 'elected'])
})

test('an error of lead is reported, and the next process leads', async () => {
  const one = await open({ lead: () => Promise.reject(new Error('broken')), rest: '10s' })
  await until('it failed', () => one.events.some(({ kind }) => kind === 'failed'))
  const two = await open()
  await until('two leads', () => two.leader.held !== undefined)
})

test('closing a leader aborts its signal, and waits for lead before the next one is elected', async () => {
  const ended = deferred()
  const one = await open({
    lead: async (held) => {
      await new Promise((resolve) => held.signal.addEventListener('abort', resolve))
      await ended.promise
    },
  })
  await until('one leads', () => one.leader.held !== undefined)
  const two = await open({ label: 'two' })
  const closed = one.leader.close()
  expect(await two.leader.look()).not.toBe('two')
  ended.resolve()
  await closed
  await until('two leads', () => two.leader.held !== undefined)
  expect(one.events.map(({ kind }) => kind)).toEqual(['elected', 'stepped-down'])
})

test('a lead that does not end is waited for until the deadline', async () => {
  const one = await open({ lead: () => new Promise<void>(() => {}) })
  await until('one leads', () => one.leader.held !== undefined)
  await one.leader.close({ deadline: 20 })
  const two = await open()
  await until('two leads', () => two.leader.held !== undefined)
})

test('a leader of many terms leaves no listeners on its signals', async () => {
  const adding = vi.spyOn(EventTarget.prototype, 'addEventListener')
  onTestFinished(() => adding.mockRestore())
  let terms = 0
  await open({ rest: '1ms', lead: async () => void (terms += 1) })
  await until('it led often', () => terms > 20)
  const signals = new Set(adding.mock.contexts.filter((target) => target instanceof AbortSignal))
  expect(signals.size).toBeGreaterThan(0)
  const counts = [...signals].map((signal) => getEventListeners(signal, 'abort').length)
  expect(Math.max(...counts)).toBeLessThan(5)
})

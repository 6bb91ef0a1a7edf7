import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'

import { createTopic } from '../events.ts'
import type { StreamEvent } from './event-types.ts'
import { createWatch } from './watch.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const IDLE = { name: 'billing', served: false, paused: false, waiting: 0, running: 0, delayed: 0 }
const WAITING = { ...IDLE, waiting: 3 }

function start() {
  const topic = createTopic<StreamEvent>('penknife:test-watch')
  const events: StreamEvent[] = []
  onTestFinished(topic.on((event) => events.push(event)))
  const check = vi.fn(async () => {})
  const identity = { space: 'shop', name: 'orders' }
  return { watch: createWatch({ identity, title: 'orders' }, topic, check), check, events }
}

test('the groups are checked once a minute while entries are added, first a minute after the first add', () => {
  const { watch, check } = start()
  for (let at = 0; at < 5; at++) watch.added()
  vi.advanceTimersByTime(59_000)
  watch.added()
  expect(check).toHaveBeenCalledTimes(0)
  vi.advanceTimersByTime(1000)
  for (let at = 0; at < 5; at++) watch.added()
  expect(check).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(600_000)
  expect(check).toHaveBeenCalledTimes(1)
  watch.added()
  expect(check).toHaveBeenCalledTimes(2)
})

test('a check that fails does no harm', async () => {
  const { watch, check } = start()
  check.mockRejectedValue(new Error('away'))
  watch.added()
  vi.advanceTimersByTime(60_000)
  watch.added()
  expect(check).toHaveBeenCalledTimes(1)
})

test('a group with entries and no worker is reported once, and again after it had a worker in between', () => {
  const { watch, events } = start()
  watch.sampled([WAITING])
  watch.sampled([WAITING])
  expect(events).toEqual([{ kind: 'unserved', space: 'shop', name: 'orders', group: 'billing', entries: 3 }])
  watch.sampled([{ ...WAITING, served: true }])
  watch.sampled([WAITING])
  expect(events).toHaveLength(2)
})

test('a group that is paused, has a worker or has no entries is not reported', () => {
  const { watch, events } = start()
  watch.sampled([IDLE, { ...WAITING, paused: true }, { ...WAITING, served: true }])
  expect(events).toEqual([])
})

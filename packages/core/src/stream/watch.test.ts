import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'

import { createTopic } from '../events.ts'
import type { StreamEvent } from './types.ts'
import { createWatch } from './watch.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

const IDLE = { name: 'billing', served: false, paused: false, undelivered: 0, pending: 0, delayed: 0 }
const WAITING = { ...IDLE, undelivered: 3 }

function start() {
  const topic = createTopic<StreamEvent>('penknife:test-watch')
  const events: StreamEvent[] = []
  onTestFinished(topic.on((event) => events.push(event)))
  const look = vi.fn(async () => {})
  return { watch: createWatch({ stream: 'orders', title: 'orders' }, topic, look), look, events }
}

test('it looks once a minute while there are adds, from a minute after the first', () => {
  const { watch, look } = start()
  for (let at = 0; at < 5; at++) watch.added()
  vi.advanceTimersByTime(59_000)
  watch.added()
  expect(look).toHaveBeenCalledTimes(0)
  vi.advanceTimersByTime(1000)
  for (let at = 0; at < 5; at++) watch.added()
  expect(look).toHaveBeenCalledTimes(1)
  vi.advanceTimersByTime(600_000)
  expect(look).toHaveBeenCalledTimes(1)
  watch.added()
  expect(look).toHaveBeenCalledTimes(2)
})

test('a look that fails does no harm', async () => {
  const { watch, look } = start()
  look.mockRejectedValue(new Error('away'))
  watch.added()
  vi.advanceTimersByTime(60_000)
  watch.added()
  expect(look).toHaveBeenCalledTimes(1)
})

test('a group with entries and no worker is told of once, and again after it was served in between', () => {
  const { watch, events } = start()
  watch.saw([WAITING])
  watch.saw([WAITING])
  expect(events).toEqual([{ kind: 'unserved', stream: 'orders', group: 'billing', waiting: 3 }])
  watch.saw([{ ...WAITING, served: true }])
  watch.saw([WAITING])
  expect(events).toHaveLength(2)
})

test('a group that is paused, served or has nothing to do is not', () => {
  const { watch, events } = start()
  watch.saw([IDLE, { ...WAITING, paused: true }, { ...WAITING, served: true }])
  expect(events).toEqual([])
})

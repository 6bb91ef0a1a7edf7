import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { type CallDeadlines, createCallDeadlines, type TimedCall } from './call-deadlines.ts'
import { workerSettings } from './settings.ts'

beforeEach(
  () => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance'] }),
)
afterEach(() => void vi.useRealTimers())

const NEW = { dueAt: Infinity, atLeast: 0, before: undefined, after: undefined }

interface Call extends TimedCall {
  readonly name: string
}

function start(usualMs: number | undefined): Omit<CallDeadlines<Call>, 'begin'> & {
  readonly late: string[]
  begin(name: string | Call, ms?: number, now?: number): Call
} {
  const late: string[] = []
  const deadlines = createCallDeadlines<Call>(usualMs, ({ name }) => late.push(name))
  function begin(name: string | Call, ms?: number, now: number = performance.now()): Call {
    const call = typeof name === 'object' ? name : { name, ...NEW }
    deadlines.begin(call, now, ms)
    return call
  }
  return { late, ...deadlines, begin }
}

test('calls end late in the order of their limits, the usual one and their own', () => {
  const { late, begin } = start(100)
  begin('usual')
  begin('long', 250)
  begin('short', 50)
  begin('none', Infinity)
  vi.advanceTimersByTime(60)
  begin('later')
  expect(late).toEqual(['short'])
  vi.advanceTimersByTime(60)
  expect(late).toEqual(['short', 'usual'])
  vi.advanceTimersByTime(10_000)
  expect(late).toEqual(['short', 'usual', 'later', 'long'])
})

test('a call that is over does not end late, and its timers are cleared', () => {
  const { late, begin, end, stop } = start(100)
  end(begin('usual'))
  end(begin('own', 50))
  begin('left', 50)
  stop()
  expect(vi.getTimerCount()).toBe(0)
  expect(late).toEqual([])
})

test('calls that start when others end late share one timer', () => {
  let late = 0
  const deadlines = createCallDeadlines<TimedCall>(100, () => {
    late += 1
    deadlines.begin({ ...NEW }, performance.now())
  })
  deadlines.begin({ ...NEW }, performance.now())
  vi.advanceTimersByTime(1050)
  expect(late).toBe(10)
  expect(vi.getTimerCount()).toBe(1)
})

test('an error of the callback for late calls leaves the other calls their limit', () => {
  const late: number[] = []
  const deadlines = createCallDeadlines<TimedCall>(100, () => {
    if (late.push(performance.now()) === 1) throw new Error('for this test')
  })
  deadlines.begin({ ...NEW }, performance.now())
  deadlines.begin({ ...NEW }, performance.now())
  expect(() => vi.advanceTimersByTime(150)).toThrow('for this test')
  vi.advanceTimersByTime(150)
  expect(late).toHaveLength(2)
})

test.each([undefined, 50])(
  'the time of a call that computed before it waits began with it (its own limit: %s)',
  (ms) => {
    const { late, begin, end } = start(100)
    const began = performance.now()
    vi.advanceTimersByTime(ms === undefined ? 90 : 40)
    begin('waits', ms, began)
    vi.advanceTimersByTime(20)
    expect(late).toEqual(['waits'])
    // It computed longer than its limit, but ends before the event loop goes on.
    end(begin('computed', ms, began))
    vi.advanceTimersByTime(1000)
    expect(late).toEqual(['waits'])
  },
)

test('an extension counts until the event loop has handled what arrived before it', () => {
  const { late, begin, extend } = start(100)
  const call = begin('late', 50)
  vi.advanceTimersToNextTimer()
  expect(extend(call, 100)).toBe(true)
  vi.advanceTimersByTime(90)
  expect(late).toEqual([])
  vi.advanceTimersByTime(20)
  expect(late).toEqual(['late'])
})

test('an extension never shortens the time, may be repeated, and does not revive a call', () => {
  const { late, begin, extend } = start(100)
  const call = begin('extended')
  begin('beside')
  expect(extend(call, 10)).toBe(true)
  vi.advanceTimersByTime(90)
  expect(extend(call, 300)).toBe(true)
  vi.advanceTimersByTime(290)
  expect(extend(call, 300)).toBe(true)
  expect(late).toEqual(['beside'])
  vi.advanceTimersByTime(310)
  expect(late).toEqual(['beside', 'extended'])
  expect(extend(call, 300)).toBe(false)
})

test('an extension before the time of a call begins counts', () => {
  const { late, extend, begin } = start(100)
  const early = { name: 'early', ...NEW }
  extend(early, 300)
  extend(early, 10)
  begin(early)
  vi.advanceTimersByTime(290)
  expect(late).toEqual([])
  vi.advanceTimersByTime(20)
  expect(late).toEqual(['early'])
})

test('a call without a limit stays without one when it is extended', () => {
  const { late, begin, extend } = start(undefined)
  expect(extend(begin('endless'), 10)).toBe(true)
  vi.advanceTimersByTime(100_000)
  expect(late).toEqual([])
})

test('a limit beyond the longest timer is kept', () => {
  const { late, begin, extend } = start(100)
  const call = begin('long', 2 ** 31 - 1)
  vi.advanceTimersByTime(2 ** 30)
  extend(call, 2 ** 31 - 1)
  vi.advanceTimersByTime(2 ** 31 - 2)
  expect(late).toEqual([])
  vi.advanceTimersByTime(2)
  expect(late).toEqual(['long'])
})

test('an attempt may take 30 minutes, unless the worker says otherwise', () => {
  expect(workerSettings({}, false).timeoutMs).toBe(30 * 60_000)
  expect(workerSettings({ timeout: false }, false).timeoutMs).toBe(undefined)
})

import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'

import { createKeys } from './keys.ts'
import { createRegistry, FIRST, type Registry } from './registry.ts'

const keys = createKeys('shop', { keyPrefix: '', db: 0 })
const SECOND = 1000
const MINUTE = 60_000

let sent: string[][]
let ready: boolean
let refuses: boolean
let registry: Registry

const { ms: inTests } = FIRST

beforeEach(() => {
  FIRST.ms = 5000
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] })
  sent = []
  ready = true
  refuses = false
  const register = async (...call: readonly unknown[]): Promise<number> => {
    sent.push([call[4] as string, call[5] as string])
    if (refuses) throw new Error('NOPERM')
    return 1
  }
  registry = createRegistry(Object.assign(register, { to() {} }), () => ready)
})

afterEach(() => {
  FIRST.ms = inTests
  registry.close()
  vi.useRealTimers()
})

test('registers what was created, and its space, five seconds later, and everything again every ten minutes', async () => {
  registry.add(keys, 'shop', 'stream', 'orders', { groups: ['billing'] })
  registry.add(keys, 'shop', 'limiter', 'api', {})
  await vi.advanceTimersByTimeAsync(4 * SECOND)
  expect(sent).toEqual([])
  await vi.advanceTimersByTimeAsync(2 * SECOND)
  expect(sent).toEqual([
    ['stream orders', '{"groups":["billing"]}'],
    ['shop', ''],
    ['limiter api', '{}'],
  ])
  await vi.advanceTimersByTimeAsync(9 * MINUTE)
  expect(sent).toHaveLength(3)
  await vi.advanceTimersByTimeAsync(2 * MINUTE)
  expect(sent).toHaveLength(6)
})

test('an object that is created later is registered soon, and delays no refresh of the others', async () => {
  registry.add(keys, 'shop', 'stream', 'first', {})
  await vi.advanceTimersByTimeAsync(6 * SECOND)
  for (let at = 0; at < 20; at++) {
    registry.add(keys, 'shop', 'stream', `later-${at}`, {})
    await vi.advanceTimersByTimeAsync(MINUTE)
    expect(sent.some(([member]) => member === `stream later-${at}`)).toBe(true)
  }
  expect(sent.filter(([member]) => member === 'stream first').length).toBeGreaterThanOrEqual(2)
})

test('the same object again is not sent again; other options are', async () => {
  registry.add(keys, 'shop', 'stream', 'orders', { groups: ['a'] })
  await registry.flush()
  registry.add(keys, 'shop', 'stream', 'orders', { groups: ['a'] })
  await registry.flush()
  expect(sent).toHaveLength(2)
  registry.add(keys, 'shop', 'stream', 'orders', { groups: ['a', 'b'] })
  await registry.flush()
  expect(sent.at(-1)).toEqual(['stream orders', '{"groups":["a","b"]}'])
})

test('sends nothing without a connection, and soon after it is back', async () => {
  ready = false
  registry.add(keys, 'shop', 'stream', 'orders', {})
  await vi.advanceTimersByTimeAsync(5 * MINUTE)
  expect(sent).toEqual([])
  ready = true
  await vi.advanceTimersByTimeAsync(11 * SECOND)
  expect(sent).toHaveLength(2)
})

test('a refusal is tried again only with the next refresh', async () => {
  refuses = true
  registry.add(keys, 'shop', 'stream', 'orders', {})
  await vi.advanceTimersByTimeAsync(9 * MINUTE)
  expect(sent).toHaveLength(2)
  await vi.advanceTimersByTimeAsync(2 * MINUTE)
  expect(sent).toHaveLength(4)
})

test('options that are too long or no data are left out, and a process lists 2,000 objects at most, and warns once', async () => {
  registry.add(keys, 'shop', 'stream', 'long', { text: 'x'.repeat(20_000) })
  const circular: Record<string, unknown> = {}
  circular['itself'] = circular
  registry.add(keys, 'shop', 'stream', 'circular', circular)
  await registry.flush()
  expect(sent.map(([, options]) => options)).toEqual(['', '', ''])
  const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  onTestFinished(() => warnings.mockRestore())
  for (let at = 0; at < 1900; at++) registry.add(keys, 'shop', 'stream', `s${at}`, {})
  expect(warnings).not.toHaveBeenCalled()
  for (let at = 0; at < 5000; at++) registry.add(keys, 'shop', 'stream', `s${at}`, {})
  expect(warnings).toHaveBeenCalledExactlyOnceWith(
    expect.stringMatching(/more than 2000 objects and spaces: the oldest are registered no longer/),
    { type: 'PenknifeWarning', code: 'PENKNIFE_MANY_OBJECTS' },
  )
  sent.length = 0
  await registry.flush()
  expect(sent).toHaveLength(2000)
})

test('sends nothing once it is closed', async () => {
  registry.add(keys, 'shop', 'stream', 'orders', {})
  registry.close()
  await vi.advanceTimersByTimeAsync(MINUTE)
  await registry.flush()
  expect(sent).toEqual([])
})

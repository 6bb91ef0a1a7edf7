import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { addressOf } from './address.ts'
import { BoundedBuffer } from './buffer.ts'
import { cleanValue } from './clean.ts'
import { samplerOf } from './sampling.ts'
import { leavesOut } from './skip.ts'
import { parseTrace } from './trace.ts'

test('a buffer keeps the newest texts within both bounds, and takes them oldest first', () => {
  const step = fc.oneof(
    fc.record({ push: fc.string({ unit: 'grapheme', maxLength: 12 }) }),
    fc.record({ take: fc.integer({ min: 1, max: 5 }), bytes: fc.integer({ min: 1, max: 40 }) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.integer({ min: 1, max: 9 }), (steps, most) => {
      const buffer = new BoundedBuffer(most, 50)
      const model: string[] = []
      const bytes = (texts: readonly string[]): number => Buffer.byteLength(texts.join(''))
      for (const made of steps) {
        if ('push' in made) {
          let left = 0
          while (model.length > 0 && (model.length >= most || bytes(model) + bytes([made.push]) > 50)) {
            model.shift()
            left += 1
          }
          if (bytes([made.push]) > 50) left += 1
          else model.push(made.push)
          expect(buffer.push(made.push, { count: 0, bytes: 0 })).toBe(left)
        } else {
          const taken: string[] = []
          while (model.length > 0 && taken.length < made.take) {
            if (taken.length > 0 && bytes([...taken, model[0] as string]) > made.bytes) break
            taken.push(model.shift() as string)
          }
          expect(buffer.take(made.take, made.bytes)).toEqual({ texts: taken, bytes: bytes(taken) })
        }
        expect(buffer.size).toBe(model.length)
      }
    }),
  )
})

test('of a sampled log errors, slow and limited requests are kept, and counts can be restored', () => {
  const usual = { status: 200, durationMs: 5, failed: false, limited: false, route: '/items/:id' }
  let next = 0
  const random = (): number => (next = (next + 0.37) % 1)
  const sampler = samplerOf({ rate: 0.5, routes: { '/feed': 0.1, '/all': 1 }, slow: '100ms' }, random)
  if (!sampler) throw new Error('there is a sampler')
  for (const change of [
    { status: 500 },
    { failed: true },
    { limited: true },
    { durationMs: 100 },
    { route: '/all' },
  ])
    for (let nth = 0; nth < 20; nth++) expect(sampler({ ...usual, ...change })).toBe(1)
  for (const [route, rate] of [
    ['/items/:id', 0.5],
    ['/feed', 0.1],
  ] as const) {
    let restored = 0
    for (let nth = 0; nth < 1000; nth++) {
      const chosen = sampler({ ...usual, route })
      expect([0, rate]).toContain(chosen)
      if (chosen > 0) restored += 1 / chosen
    }
    expect(restored).toBeGreaterThan(950)
    expect(restored).toBeLessThan(1050)
  }
  expect(samplerOf(undefined)).toBeUndefined()
})

test('an address is kept in one form, cut to its network, or hashed with a key', () => {
  const keep = addressOf()
  expect(['::ffff:192.0.2.1', '192.0.2.1', '2001:DB8:0::1', 'nonsense\n'].map(keep)).toEqual([
    '192.0.2.1',
    '192.0.2.1',
    '2001:db8::1',
    'nonsense\ufffd',
  ])
  const prefix = addressOf('prefix')
  expect(['192.0.2.77', '2001:db8:1:2:3::4', 'nonsense'].map(prefix)).toEqual([
    '192.0.2.0/24',
    '2001:db8:1::/48',
    undefined,
  ])
  const hash = addressOf({ hashKey: 'a secret of enough length' })
  expect(hash('192.0.2.1')).toMatch(/^[\w-]{16}$/)
  expect(hash('::ffff:192.0.2.1')).toBe(hash('192.0.2.1'))
  expect(hash('2001:db8::1')).toBe(hash('2001:db8::2'))
  expect(hash('192.0.2.1')).not.toBe(hash('192.0.2.2'))
  expect(hash('192.0.2.1')).not.toBe(addressOf({ hashKey: 'another secret of length' })('192.0.2.1'))
  expect(addressOf(false)('192.0.2.1')).toBeUndefined()
})

test('a trace context is taken only if it is well formed', () => {
  const [id, parent] = ['ab'.repeat(16), 'cd'.repeat(8)]
  expect(parseTrace(`00-${id}-${parent}-01`)).toEqual({ id, parent, sampled: true })
  expect(parseTrace(`cc-${id}-${parent}-00-more`)).toEqual({ id, parent, sampled: false })
  for (const wrong of [
    undefined,
    '',
    `ff-${id}-${parent}-01`,
    `00-${id}-${parent}-01-more`,
    `00-${'0'.repeat(32)}-${parent}-01`,
    `00-${id}-${'0'.repeat(16)}-01`,
    `00-${id.toUpperCase()}-${parent}-01`,
    ` 00-${id}-${parent}-01`,
  ])
    expect(parseTrace(wrong)).toBeUndefined()
})

test('values of the application lose secrets and what breaks a log, however deep', () => {
  const value = {
    a: [{ 'X-Api-Key': 1, note: 'token=hunter2 \n' }],
    Password: { x: 1 },
    when: new Date(0),
    n: Number.NaN,
  }
  expect(cleanValue(value)).toEqual({
    a: [{ 'X-Api-Key': '[redacted]', note: 'token=[redacted] \ufffd' }],
    Password: '[redacted]',
    when: '1970-01-01T00:00:00.000Z',
    n: undefined,
  })
  const circle: Record<string, unknown> = {
    big: 10n,
    map: new Map(),
    get bad(): never {
      throw new Error('on purpose')
    },
  }
  for (let nth = 0; nth < 50; nth++) circle[`k${nth}`] = circle
  const began = performance.now()
  expect(JSON.stringify(cleanValue(circle))).toContain('"big":"10"')
  expect(performance.now() - began).toBeLessThan(500)
  const polluting = JSON.parse('{"__proto__":{"polluted":1},"a":"\\ud800"}') as object
  const cleaned = cleanValue(polluting) as { a: string; polluted?: unknown }
  expect([cleaned.a, cleaned.polluted]).toEqual(['\ufffd', undefined])
})

test('only a GET or HEAD that succeeded is left out by its path', () => {
  const isLeftOut = leavesOut(['/health', '/assets/*', '*.css'])
  expect(['/health', '/assets/a', '/x.css'].map((path) => isLeftOut('GET', path, 200))).toEqual([
    true,
    true,
    true,
  ])
  expect(isLeftOut('HEAD', '/health', 304)).toBe(true)
  expect(isLeftOut('POST', '/health', 200)).toBe(false)
  expect(isLeftOut('GET', '/health', 404)).toBe(false)
  expect(['/healthy', '/health/', '/asset', '/x.css.js'].map((path) => isLeftOut('GET', path, 200))).toEqual(
    Array(4).fill(false),
  )
})

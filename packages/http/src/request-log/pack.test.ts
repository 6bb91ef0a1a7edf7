import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import type { RequestEntry } from './entry.ts'
import { packEntry, plainEntry, unpackEntry, withDropped } from './pack.ts'

/** As fast-check's unit 'binary', which first lists all characters, in a second. */
const anyCharacter = fc
  .nat({ max: 0x10_ff_ff })
  .map((code) => String.fromCodePoint(code >> 11 === 0x1b ? 0x41 : code))
const text = fc.string({ unit: anyCharacter, maxLength: 40 })
const count = fc.nat()
const entries: fc.Arbitrary<RequestEntry> = fc.record(
  {
    at: fc.integer({ min: 0, max: 9e12 }),
    method: text,
    path: text,
    route: text,
    status: fc.integer({ min: 1, max: 999 }),
    durationMs: fc.double({ min: 0, max: 1e6, noNaN: true }).map((ms) => Math.round(ms * 100) / 100),
    bytesIn: count,
    bytesOut: count,
    aborted: fc.boolean(),
    ip: text,
    userAgent: text,
    id: text,
    user: text,
    query: fc.dictionary(fc.constantFrom('page', 'sort'), text),
    trace: fc.record({ id: text, parent: text, sampled: fc.boolean() }),
    error: fc.record({ name: text, message: text }),
    limit: fc.record({ limiter: text, rule: text, remaining: count, allowed: fc.boolean() }),
    rate: fc.constantFrom(0.5, 0.01),
    anonymised: fc.constant(true),
  },
  { requiredKeys: ['at', 'method', 'path', 'status', 'durationMs', 'bytesIn', 'bytesOut', 'aborted'] },
)

test('an entry comes back whole, with the drops before it, packed or not', () => {
  fc.assert(
    fc.property(entries, fc.integer({ min: 1, max: 1e6 }), (entry, dropped) => {
      const packed = packEntry(entry)
      expect(unpackEntry(JSON.parse(packed))).toEqual(entry)
      expect(unpackEntry(JSON.parse(withDropped(packed, dropped)))).toEqual({ ...entry, dropped })
      const plain = JSON.stringify(plainEntry(entry))
      expect(unpackEntry(JSON.parse(plain))).toEqual(entry)
      expect(unpackEntry(JSON.parse(withDropped(plain, dropped)))).toEqual({ ...entry, dropped })
      // A line feed would end the entry in a batch.
      expect(packed).not.toContain('\n')
    }),
  )
})

test('fields of the application replace own ones of their type and are added otherwise; the counts of the log stay', () => {
  fc.assert(
    fc.property(
      entries,
      fc.dictionary(
        fc.constantFrom('ip', 'status', 'path', 'tenant', 'dropped', 'anonymised'),
        fc.jsonValue(),
      ),
      (entry, more) => {
        const { dropped: _dropped, anonymised: _anonymised, ...taken } = more
        const found = unpackEntry(JSON.parse(packEntry(entry, more)))
        expect(found).toEqual(JSON.parse(JSON.stringify({ ...entry, ...taken })))
      },
    ),
  )
})

test('something else in the stream is no entry', () => {
  for (const value of [
    null,
    1,
    'x',
    {},
    { at: 1 },
    [],
    [0, 1],
    ['0', 1, 'GET', '/', 0, 200, 1, 0, 0],
    { at: 'x', path: '/' },
  ])
    expect(unpackEntry(value)).toBeUndefined()
})

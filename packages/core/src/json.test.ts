import { describe, expect, test } from 'vitest'

import { PenknifeError } from './errors.ts'
import { toJson } from './json.ts'

const json = (value: unknown): string => toJson('payload', value, 1000)

function refusal(value: unknown): PenknifeError {
  try {
    json(value)
  } catch (error) {
    if (error instanceof PenknifeError) return error
    throw error
  }
  throw new Error('it was taken')
}

class Order {
  readonly id: number
  constructor(id: number) {
    this.id = id
  }
  get half(): number {
    return this.id / 2
  }
}

describe('values that JSON represents unchanged, or by toJSON, are accepted', () => {
  test.each<[string, unknown, string]>([
    ['text, numbers and null', ['a', 1, -0.5, true, null], '["a",1,-0.5,true,null]'],
    ['a property that is undefined', { a: 1, b: undefined }, '{"a":1}'],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 }), '{"a":1}'],
    ['the data of a class instance', new Order(4), '{"id":4}'],
    ['a Date, which has toJSON', { at: new Date(0) }, '{"at":"1970-01-01T00:00:00.000Z"}'],
    ['an object with toJSON', { toJSON: () => ({ a: [1] }) }, '{"a":[1]}'],
    ['an error with toJSON', Object.assign(new Error('x'), { toJSON: () => 'x' }), '"x"'],
    ['half an emoji', '😀'.slice(0, 1), '"\\ud83d"'],
    ['a key called __proto__', JSON.parse('{"__proto__":{"a":1}}'), '{"__proto__":{"a":1}}'],
  ])('%s', (_, value, text) => {
    expect(json(value)).toBe(text)
  })

  test('an object of another realm, such as a vm', async () => {
    const { runInNewContext } = await import('node:vm')
    expect(json(runInNewContext('({ a: [1, { b: 2 }] })'))).toBe('{"a":[1,{"b":2}]}')
    expect(() => json(runInNewContext('({ a: new Map() })'))).toThrow(/payload\.a is a Map/)
  })

  test('a plain object, whatever a library added to Object.prototype', () => {
    const all: Record<string, unknown> = Object.prototype as never
    all['added'] = () => {}
    let text: string
    try {
      text = json({ a: 1 })
    } finally {
      delete all['added']
    }
    expect(text).toBe('{"a":1}')
  })
})

describe('values that JSON would change silently are refused, with their place', () => {
  test.each<[string, unknown, string]>([
    ['NaN', { a: [{ b: NaN }] }, 'payload.a[0].b is NaN'],
    ['an infinity', -Infinity, 'payload is -Infinity'],
    ['undefined in a list', [1, undefined], 'payload[1] is undefined'],
    ['a hole in a list', Object.assign(Array(2), { 0: 1 }), 'payload[1] is undefined'],
    ['a function', { run() {} }, 'payload.run is a function'],
    ['a symbol', [Symbol('x')], 'payload[0] is Symbol(x)'],
    ['a Map', { tags: new Map([[1, 2]]) }, 'payload.tags is a Map'],
    ['a Set', new Set([1]), 'payload is a Set'],
    ['an Error', { cause: new TypeError('x') }, 'payload.cause is an Error'],
    ['a RegExp', /x/, 'payload is a RegExp'],
    ['bytes', { bytes: new Uint8Array(2) }, 'payload.bytes is a Uint8Array'],
    ['a promise that was not awaited', Promise.resolve(1), 'payload is a Promise'],
    ['a boxed number', Object(5), 'payload is a Number'],
    ['an invalid Date', { at: new Date(NaN) }, 'payload.at is an invalid Date'],
    ['what toJSON answers', { at: { toJSON: () => [NaN] } }, 'payload.at[0] is NaN'],
  ])('%s', (_, value, text) => {
    const error = refusal(value)
    expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'payload', fate: 'not-done' })
    expect(error.message).toContain(`${text}, which JSON cannot represent`)
  })

  const circle: { self?: unknown } = {}
  circle.self = circle
  test.each<[string, unknown]>([
    ['nothing', undefined],
    ['a bigint', { a: 1n }],
    ['a circle', circle],
    [
      'a getter that throws null',
      {
        get a(): never {
          throw null
        },
      },
    ],
    [
      'a toJSON that throws',
      {
        toJSON(): never {
          throw new Error('no')
        },
      },
    ],
    ['lists in lists without end', Array.from({ length: 100_000 }).reduce((inner) => [inner], [] as unknown)],
    ['more than fits', 'é'.repeat(500)],
  ])('%s', (_, value) => {
    expect(refusal(value)).toMatchObject({ code: 'PENKNIFE_INVALID', option: 'payload' })
  })
})

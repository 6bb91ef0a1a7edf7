import { PenknifeError } from '@penknife/core'
import type { Handler, RateLimitOptions } from '@penknife/http'
import { rateLimitPlugin } from '@penknife/http/adapter'
import { call } from '@penknife/http/testkit'
import { describe, expect, test } from 'vitest'

import { nextTurn, until } from '../../support/until.ts'
import { warningsOf } from '../../support/warnings.ts'
import { frameworks } from '../frameworks.ts'
import { start, useFeatures } from '../setup.ts'

const features = useFeatures()
const warnings = warningsOf('PENKNIFE_CALLBACK')

const CLIENT = '127.0.0.1'

/** Values that a callback in JavaScript, or with a cast, may return. */
function wrong(answer: unknown): never {
  return answer as never
}

const throwing = (): never => {
  throw new Error('on purpose')
}

describe.each(frameworks)('callbacks of rateLimit on $name', (adapter) => {
  async function serve(options: RateLimitOptions, ...more: readonly Handler[]) {
    const limiter = features.limiter()
    const server = await start(adapter, [rateLimitPlugin.setup(limiter, options), ...more])
    return {
      ...server,
      get: (path = '/items/7') => call(`${server.url}${path}`),
      left: async () => (await limiter.take(CLIENT, { cost: 0 })).remaining,
    }
  }

  test('an async refundIf is awaited: false refunds nothing, true refunds', async () => {
    let asked = 0
    const { get, left } = await serve({
      refundIf: async ({ status }) => {
        await nextTurn()
        asked++
        return status < 400
      },
    })
    await get('/nowhere')
    await until('it was asked', () => asked === 1)
    await nextTurn()
    expect(await left()).toBe(2)
    await get()
    await until('the success is given back', async () => asked === 2 && (await left()) === 2)
    await nextTurn()
    expect(await left()).toBe(2)
  })

  test.each([
    ['throws', throwing],
    ['rejects', async () => throwing()],
    ['rejects with nothing', () => Promise.reject() as never],
    ['answers text', () => wrong('no')],
    ['resolves with an object', async () => wrong({ refund: true })],
  ])('a refundIf that %s gives nothing back and is reported once', async (_how, refundIf) => {
    const before = warnings.length
    const { get, left, errors } = await serve({ refundIf })
    expect((await get()).status).toBe(200)
    expect((await get()).status).toBe(200)
    await until('it is reported', () => warnings.length > before)
    await nextTurn()
    expect(await left()).toBe(1)
    expect([warnings.length - before, errors]).toEqual([1, []])
    expect(warnings.at(-1)).toContain('rateLimit gives nothing back when refundIf fails (reported once)')
  })

  test('only true skips, also from a promise; any other result is counted and reported once, with the fix', async () => {
    const answers: Readonly<Record<string, () => unknown>> = {
      yes: () => true,
      later: async () => true,
      no: async () => false,
      text: () => 'no',
      object: async () => ({ skip: false }),
      one: () => 1,
    }
    const before = warnings.length
    const { get } = await serve({ skip: ({ path }) => wrong(answers[path.slice(7)]?.()) })
    const counted = []
    for (const name of ['yes', 'later', 'no', 'text', 'object', 'one'])
      counted.push([name, (await get(`/items/${name}`)).headers['ratelimit']?.slice(0, 11) ?? 'uncounted'])
    expect(counted).toEqual([
      ['yes', 'uncounted'],
      ['later', 'uncounted'],
      ['no', '"burst";r=2'],
      ['text', '"burst";r=1'],
      ['object', '"burst";r=0'],
      ['one', '"burst";r=0'],
    ])
    await until('it is reported', () => warnings.length > before)
    expect(warnings.slice(before)).toEqual([
      'rateLimit counts requests for which skip returned neither true nor false (reported once): ' +
        'the answer of rateLimit skip is "no": return true or false; it counts as false',
    ])
  })

  test.each([
    ['key', { key: async () => throwing() }, /on purpose/],
    ['key', { key: () => Promise.reject() as never }, /failed with undefined, which is no Error/],
    ['key', { key: () => Promise.reject('route') as never }, /failed with route, which is no Error/],
    ['skip', { skip: throwing }, /on purpose/],
    ['cost', { cost: async () => throwing() }, /on purpose/],
    ['cost', { cost: () => wrong('2') }, /the answer of rateLimit cost is "2": return a whole number from 0/],
    ['cost', { cost: () => wrong(undefined) }, /the answer of rateLimit cost is undefined/],
    [
      'rules',
      { rules: () => wrong(null) },
      /the answer of rateLimit rules is null: return a list of rules, or/,
    ],
    ['rules', { rules: async () => wrong('pro') }, /the answer of rateLimit rules is "pro"/],
  ] satisfies readonly (readonly [string, RateLimitOptions, RegExp])[])(
    'a %s that fails, or returns an invalid value, is an error of the request, which does not pass: %o',
    async (_name, options, message) => {
      let reached = 0
      const next: Handler = () => {
        reached++
        return { status: 204 }
      }
      const { get, errors } = await serve(options, next)
      expect((await get()).status).toBe(500)
      expect(reached).toBe(0)
      expect(errors).toHaveLength(1)
      expect(String(errors[0])).toMatch(message)
    },
  )

  test.each([
    ['slow', /the answer of rateLimit onLimited is "slow": answer with a reply such as \{ status: 429/],
    [undefined, /the answer of rateLimit onLimited is undefined/],
    ['pass', /the answer of rateLimit onLimited is "pass"/],
    [
      { body: 'slow' },
      /the status in the answer of rateLimit onLimited is undefined: give a whole number from 200/,
    ],
    [{ status: '429' }, /the status in the answer of rateLimit onLimited is "429"/],
    [{ status: 42 }, /the status in the answer of rateLimit onLimited is 42/],
    [{ status: 429, headers: null }, /the headers in the answer of rateLimit onLimited is null/],
    [{ status: 429, body: Promise.resolve('slow') }, /the body in the answer .* await a promise first/],
  ])('onLimited that returns %o is an error with the fix', async (answer, message) => {
    const { get, errors } = await serve({ cost: 3, onLimited: async () => wrong(answer) })
    expect((await get()).status).toBe(200)
    expect((await get()).status).toBe(500)
    expect(errors[0]).toBeInstanceOf(PenknifeError)
    expect(String(errors[0])).toMatch(message)
  })
})

import {
  connect,
  createRateLimiter,
  type Penknife,
  PenknifeError,
  type RateLimiter,
  type LimiterRule,
} from '@penknife/core'
import { afterAll, afterEach, beforeEach, describe, expect, test } from 'vitest'

import { failure, openReady } from '../support/connect.ts'
import { callsOf, pattern, useRedis } from '../support/redis.ts'

const bench = useRedis()
const RULE: LimiterRule = { name: 'r', limit: 5, window: '1s' }
let penknife: Penknife

beforeEach(async () => {
  penknife = await openReady(pattern(bench.server.url))
})
afterEach(async () => {
  if ((await bench.raw.dbsize()) > 0) throw new Error('something was written')
  const calls = (await callsOf(bench.raw, 'evalsha')) + (await callsOf(bench.raw, 'eval'))
  if (calls > 0) throw new Error('a call was sent')
})
afterAll(() => penknife.close())

function thrown(run: () => unknown): PenknifeError {
  try {
    run()
  } catch (error) {
    if (error instanceof PenknifeError) return error
    throw error
  }
  throw new Error('nothing was thrown')
}

/** Checks that the error names the option, the value and the fix. */
function checkError(error: PenknifeError, option: string, message: RegExp): void {
  expect(error).toMatchObject({ code: 'PENKNIFE_INVALID', fate: 'not-done', option })
  expect(error.message).toMatch(message)
  expect(error.message).toMatch(/: (give|leave it out|no such option|did you mean|penknife places)/)
  expect(error.message.length).toBeLessThan(400)
}

describe('connect', () => {
  test.each([
    [{ deadlin: 5 }, "connect option 'deadlin'", /is 5: no such option; did you mean 'deadline'\?/],
    [{ colour: 5 }, "connect option 'colour'", /known options are deadline, maxPending, maxPendingBytes/],
    [{ deadline: '5 parsecs' }, 'deadline', /^deadline is "5 parsecs": give milliseconds/],
    [{ deadline: 0 }, 'deadline', /^deadline is 0: give a duration from 1ms/],
    [{ deadline: -1 }, 'deadline', /^deadline is -1:/],
    [{ deadline: Number.NaN }, 'deadline', /^deadline is NaN:/],
    [{ deadline: Infinity }, 'deadline', /^deadline is Infinity:/],
    [{ maxPending: 0 }, 'maxPending', /^maxPending is 0: give a whole number from 1/],
    [{ maxPending: 1.5 }, 'maxPending', /^maxPending is 1.5:/],
    [{ maxPendingBytes: '1mb' }, 'maxPendingBytes', /^maxPendingBytes is "1mb":/],
    [null, 'connect options', /is null: give an object/],
    [[], 'connect options', /is an array: give an object/],
  ])('refuses %j', (options, option, message) => {
    checkError(
      thrown(() => connect(pattern(bench.server.url), options as never)),
      option,
      message,
    )
  })

  test.each([undefined, null, 'redis://localhost', {}])('refuses %j in place of a connection', (redis) => {
    checkError(
      thrown(() => connect(redis as never)),
      'redis',
      /give a client of ioredis, connect\(new Redis\(\)\), or of node-redis/,
    )
  })

  test.each(['', 'a b', 'a:b', 'a{b}', 'a\n', 'é', 'x'.repeat(65), 5, undefined])(
    'refuses space %j',
    (name) => {
      checkError(
        thrown(() => penknife.space(name as string)),
        'space',
        /^space is .*: give 1 to 64 of/,
      )
    },
  )
})

describe('createRateLimiter', () => {
  test.each([
    [undefined, /^limiter name is undefined: give 1 to 64/],
    ['a:b', /^limiter name is "a:b":/],
    [{ name: 'api', rules: [RULE] }, /^limiter name is an object: give 1 to 64/],
  ])('refuses the name %j', (name, message) => {
    const make = (): unknown => createRateLimiter(penknife.space('shop'), name as string, { rules: [RULE] })
    expect(make).toThrow(
      expect.objectContaining({ option: 'limiter name', message: expect.stringMatching(message) }),
    )
  })

  const create = (options: object): unknown =>
    createRateLimiter(penknife.space('shop'), 'api', { rules: [RULE], ...options })
  const rule = (change: object): object => ({ rules: [{ ...RULE, ...change }] })

  test.each([
    [{ rule: [] }, "createRateLimiter option 'rule'", /did you mean 'rules'\?/],
    [
      { whenUnavailible: 'open' },
      "createRateLimiter option 'whenUnavailible'",
      /did you mean 'whenUnavailable'\?/,
    ],
    [
      { whenUnavailable: { local: { instances: 2 }, x: 1 } },
      "whenUnavailable option 'x'",
      /no such option; known options are local/,
    ],
    [{ whenUnavailable: {} }, 'whenUnavailable.local options', /is undefined: give an object/],
    [{ whenUnavailable: { local: null } }, 'local', /is null: give a value/],
    [{ whenUnavailable: null }, 'whenUnavailable', /is null: give a value/],
    [{ denyCache: null }, 'denyCache', /is null: give a value/],
    [{ denyCache: 'no' }, 'denyCache options', /is "no": give an object/],
    [{ denyCache: { entries: null } }, 'entries', /is null: give a value/],
    [{ hashSubjects: 'yes' }, 'hashSubjects', /is "yes": give true or false/],
    [{ rules: [null] }, 'rule options', /is null: give an object/],
    [rule({ shadow: null }), 'shadow', /is null: give a value/],
    [rule({ burst: null }), 'burst', /is null: give a value/],
    [{ whenUnavailable: 'ajar' }, 'whenUnavailable', /is "ajar": give 'open', 'closed' or 'throw'/],
    [{ deadline: '100' }, 'deadline', /^deadline is "100": give milliseconds/],
    [{ rules: undefined }, 'rules', /^rules is undefined: give a list/],
    [{ rules: [] }, 'rules', /^rules is an array: give a list of 1 to 8/],
    // eslint-disable-next-line no-sparse-arrays
    [{ rules: [, { name: 'r', limit: 1, window: 1 }] }, 'rule options', /give an object/],
    [{ rules: RULE }, 'rules', /^rules is an object: give a list/],
    [{ rules: Array.from({ length: 9 }, (_, at) => ({ ...RULE, name: `r${at}` })) }, 'rules', /1 to 8/],
    [{ rules: [RULE, RULE] }, 'rule name', /^rule name is "r": give each rule a name of its own/],
    [{ rules: [null] }, 'rule options', /is null: give an object/],
    [rule({ limits: 5 }), "rule option 'limits'", /did you mean 'limit'\?/],
    [rule({ name: 'x'.repeat(33) }), 'rule name', /give 1 to 32/],
    [rule({ limit: 0, burst: 3 }), "burst of rule 'r'", /is 3: leave it out: the limit is 0/],
    [rule({ limit: -5 }), "limit of rule 'r'", /is -5:/],
    [rule({ limit: Number.NaN }), "limit of rule 'r'", /is NaN:/],
    [rule({ limit: 1.5 }), "limit of rule 'r'", /is 1.5:/],
    [rule({ limit: '5' }), "limit of rule 'r'", /is "5":/],
    [rule({ limit: undefined }), "limit of rule 'r'", /is undefined:/],
    [rule({ limit: 2e9 }), "limit of rule 'r'", /is 2000000000: .* to 1000000000/],
    [rule({ window: '1 fortnight' }), "window of rule 'r'", /is "1 fortnight": give milliseconds/],
    [rule({ window: '1y' }), "window of rule 'r'", /is "1y":/],
    [rule({ window: '-1s' }), "window of rule 'r'", /is "-1s":/],
    [rule({ window: '' }), "window of rule 'r'", /is "":/],
    [rule({ window: 0 }), "window of rule 'r'", /is 0: give a duration from/],
    [rule({ window: 60 }), "window of rule 'r'", /is 60: give '60s' or '60ms'/],
    [rule({ window: Number.NaN }), "window of rule 'r'", /is NaN:/],
    [rule({ window: '1.00001ms' }), "window of rule 'r'", /give a whole number of microseconds/],
    [rule({ window: undefined }), "window of rule 'r'", /is undefined:/],
    [rule({ window: { seconds: 1 } }), "window of rule 'r'", /is an object:/],
    [rule({ burst: 0 }), "burst of rule 'r'", /is 0:/],
    [rule({ burst: 2.5 }), "burst of rule 'r'", /is 2.5:/],
    [rule({ limit: 7, burst: 1e9, window: '366d' }), "burst of rule 'r'", /give at most \d+ with this limit/],
    [rule({ algorithm: 'leaky' }), 'algorithm', /is "leaky": give one of gcra, fixed-window/],
    [rule({ algorithm: 'fixed-window', burst: 3 }), "rule option 'burst'", /no such option/],
    [rule({ algorithm: 'sliding-log', limit: 1001 }), "limit of rule 'r'", /is 1001: .* to 1000$/],
    [rule({ algorithm: 'sliding-window', limit: 1e8 }), "limit of rule 'r'", /to 30000000$/],
    [
      rule({ algorithm: 'sliding-window', limit: 3e7, window: '8784h1' as never }),
      "window of rule 'r'",
      /give milliseconds/,
    ],
    [
      rule({ algorithm: 'sliding-window', limit: 3e7, window: 86_400_000_001 / 10 }),
      "window of rule 'r'",
      /give a whole number/,
    ],
    [
      { rules: [{ name: 'r', algorithm: 'concurrency', limit: 5 }] },
      "lease of rule 'r'",
      /is undefined: give milliseconds/,
    ],
    [
      { rules: [{ name: 'r', algorithm: 'concurrency', limit: 20_000, lease: '1m' }] },
      "limit of rule 'r'",
      /to 10000$/,
    ],
    [
      { rules: [{ name: 'r', algorithm: 'fixed-window', limit: 5, calendar: 'year', timeZone: 'UTC' }] },
      "rule 'r' calendar",
      /is "year": give 'hour', 'day'/,
    ],
    [
      { rules: [{ name: 'r', algorithm: 'fixed-window', limit: 5, calendar: 'day', timeZone: 'Mars' }] },
      "rule 'r' timeZone",
      /is "Mars": give an IANA time zone/,
    ],
    [
      { rules: [{ name: 'r', algorithm: 'fixed-window', limit: 5, calendar: 'day' }] },
      "rule 'r' timeZone",
      /is undefined: give an IANA time zone/,
    ],
    [rule({ shadow: true }), 'rules', /give at least one rule that is not a shadow/],
    [rule({ shadow: 'yes' }), "shadow of rule 'r'", /is "yes": give true or false/],
    [
      {
        rules: [
          { ...RULE, per: 'tenant' },
          { ...RULE, name: 's' },
        ],
      },
      "per of rule 's'",
      /give it for every/,
    ],
    [{ routeBy: 'tenant' }, 'routeBy', /give every rule a 'per'/],
  ])('refuses %j', (options, option, message) => {
    checkError(
      thrown(() => create(options)),
      option,
      message,
    )
  })

  test('the burst that the error suggests is accepted', () => {
    const error = thrown(() => create(rule({ limit: 7, window: '366d', burst: 1e9 })))
    const most = Number(/at most (\d+)/.exec(error.message)?.[1])
    expect(() => create(rule({ limit: 7, window: '366d', burst: most }))).not.toThrow()
  })

  test('undefined means the default', () => {
    expect(() =>
      create({ whenUnavailable: undefined, deadline: undefined, ...rule({ burst: undefined }) }),
    ).not.toThrow()
  })
})

describe('take', () => {
  const take = (subject: unknown, options?: object): Promise<unknown> => {
    const rules = [RULE, { name: 'long', limit: 100, window: '1h', burst: 3 }] as const
    const space = penknife.space('shop')
    const limiter = createRateLimiter(space, 'api', { rules, whenUnavailable: 'open' })
    return limiter.take(subject as string, options)
  }

  test.each([
    ['an empty subject', ''],
    ['100 KB', 'x'.repeat(100_000)],
    ['one character too many', 'x'.repeat(1025)],
    ['braces', 'a{b}c'],
    ['a closing brace', 'a}'],
    ['a newline', 'a\nb'],
    ['a carriage return', 'a\rb'],
    ['a NUL', 'a\0b'],
    ['DEL', 'a\u007f'],
    ['a number', 5],
    ['nothing', undefined],
    ['null', null],
    ['an object', { toString: () => 'ann' }],
  ])('refuses a subject that is %s', async (_, subject) => {
    checkError(await failure(take(subject)), 'subject', /^subject is .*: give 1 to 1024 characters/)
  })

  test('refuses null for a cost', async () => {
    checkError(
      await failure(take('ann', { cost: null })),
      'cost',
      /^cost is null: give a value, or leave it out/,
    )
  })

  test.each([Number.NaN, -1, 0.5, 4, Infinity, '1'])(
    'refuses cost %j, with 3 as the smallest burst',
    async (cost) => {
      checkError(
        await failure(take('ann', { cost })),
        'cost',
        /^cost is .*: give a whole number from 0 to 3$/,
      )
    },
  )

  test('refuses an unknown option', async () => {
    checkError(await failure(take('ann', { costs: 2 })), "take option 'costs'", /did you mean 'cost'\?/)
  })

  test('refuses options that are not an object', async () => {
    checkError(await failure(take('ann', null as never)), 'take options', /is null: give an object/)
  })

  test.each<[string, (limiter: RateLimiter) => Promise<unknown>, string, RegExp]>([
    ['wait', (limiter) => limiter.wait('ann', { signal: 'now' as never }), 'signal', /give an AbortSignal/],
    ['wait', (limiter) => limiter.wait('ann', null as never), 'wait options', /give an object/],
    ['reserve', (limiter) => limiter.reserve('ann', null as never), 'reserve options', /give an object/],
    ['block', (limiter) => limiter.block('ann', undefined as never), 'block options', /give an object/],
    ['penalty', (limiter) => limiter.penalty('ann', null as never), 'penalty options', /give an object/],
    ['reset', (limiter) => limiter.reset('ann', null as never), 'reset options', /give an object/],
    ['on', async (limiter) => limiter.on('open' as never), 'listener', /give a function/],
  ])('%s refuses wrong options, and sends nothing', async (_, call, option, fix) => {
    const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules: [RULE] })
    checkError(await failure(call(limiter)), option, fix)
  })
})

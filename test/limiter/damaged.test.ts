import { createRateLimiter, type LimiterRule, type Penknife, type PenknifeError } from '@penknife/core'
import * as fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'

import { failure } from '../support/connect.ts'
import { type DamagingCommand, useTrials } from '../support/damage.ts'
import { keyspace } from '../support/keyspace.ts'
import { useRedis } from '../support/redis.ts'
import { errorsOf, keysOf, SCRIPT_CASES } from '../support/script-calls.ts'
import { cases, LONG } from '../support/until.ts'

const bench = useRedis()
const trials = useTrials(bench)
let penknife: Penknife
beforeAll(() => void (penknife = trials.penknives[0] as Penknife))

const scripts = SCRIPT_CASES.filter(({ script }) => script.name.startsWith('limiter/'))

const doubles = (...numbers: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(8 * numbers.length)
  for (const [at, number] of numbers.entries()) bytes.writeDoubleLE(number, 8 * at)
  return bytes
}

/** What other hands may make of a key; the ids of the samples' rules are 1 to 6, that of a block 0. */
function damagesOf(key: string): Readonly<Record<string, readonly DamagingCommand[]>> {
  const later = 8e15
  const instead: Readonly<Record<string, readonly DamagingCommand[]>> = {
    nothing: [],
    'a list': [['RPUSH', key, 'x']],
    'a set': [['SADD', key, 'x']],
    'a hash': [['HSET', key, 'd', 'x']],
    'a stream': [['XADD', key, '*', 'x', 'y']],
    'a sorted set': [['ZADD', key, 0, 'x', 'inf', 'lease', '-inf', '']],
    'a short string': [['SET', key, 'x']],
    'an empty string': [['SET', key, '']],
    'text as long as an entry': [['SET', key, 'x'.repeat(40)]],
    'a level that is no number': [['SET', key, doubles(1, later, 1, 1, NaN)]],
    'a level without end': [['SET', key, doubles(1, later, 1, 1, Infinity)]],
    'a level below zero, of a later time': [['SET', key, doubles(1, later, 1, later, -1e300)]],
    'a level that is no number, of a later time': [['SET', key, doubles(1, later, 1, later, NaN)]],
    'no end and no token': [['SET', key, doubles(1, Infinity, 0, 1, 1)]],
    'a second entry that is damaged': [['SET', key, doubles(1, later, 1, later, 1, 2, NaN, NaN, NaN, NaN)]],
    'a block without an end': [['SET', key, doubles(0, Infinity, 0, 1, 0)]],
    'a block with a longer reason than there is': [['SET', key, doubles(0, later, 1000, 1, 0)]],
    'a log of no numbers': [['SET', key, doubles(NaN, NaN, NaN)]],
    'a log of later charges': [['SET', key, doubles(0, later, Infinity)]],
  }
  return Object.fromEntries(
    Object.entries(instead).map(([name, commands]) => [name, [['DEL', key], ...commands]]),
  )
}

describe.each([
  ['alone', 1],
  ['twice in a batch', 2],
])('a limiter script on damaged keys, called %s', (_, times) => {
  test.each(scripts)(
    '$name: the error has the fate not-done, and nothing was changed',
    async ({ script, sample }) => {
      const keys = keysOf(script, sample)
      const damaged = keys.flatMap((key) =>
        Object.entries(damagesOf(key)).map(([damage, commands]) => ({
          key,
          what: `${key} is ${damage}`,
          commands: [...((sample.before ?? []) as DamagingCommand[]), ...commands],
          call: (own: Penknife) => errorsOf(own, script, sample, times),
        })),
      )
      const wrong = (await trials.run(damaged)).filter(({ errors, changed }, at) => {
        const failed = errors.filter((error) => error !== undefined) as PenknifeError[]
        const { key } = damaged[at] as (typeof damaged)[number]
        if (failed.some(({ fate, message }) => fate !== 'not-done' || !message.includes(key))) return true
        return failed.length === times && changed.length > 0
      })
      expect(wrong).toEqual([])
    },
  )
})

const RULES: readonly LimiterRule[] = [
  { name: 'g', limit: 5, window: '1m' },
  { name: 'f', limit: 5, window: '1m', algorithm: 'fixed-window' },
  { name: 'w', limit: 5, window: '1m', algorithm: 'sliding-window' },
  { name: 'l', limit: 5, window: '1m', algorithm: 'sliding-log' },
  { name: 's', limit: 5, lease: '1m', algorithm: 'concurrency' },
]
const NUMBERS = [0, -0, 1, -1, 0.5, 40, 2 ** 53, 8e15, 2 ** 62, 1e300, -1e300, Infinity, -Infinity, NaN]

test(
  'whatever numbers a state contains, a call is decided or changes nothing',
  async () => {
    const settings = { deadline: '5s', whenUnavailable: 'throw', denyCache: false } as const
    const space = penknife.space('shop')
    const plans = [
      RULES.slice(0, 1),
      [RULES[0] as LimiterRule, { ...(RULES[0] as LimiterRule), name: 'g2' }],
      RULES,
    ].map((rules) => createRateLimiter(space, 'api', { ...settings, rules }))
    const property = fc.asyncProperty(
      fc.nat({ max: plans.length - 1 }),
      fc.array(fc.tuple(fc.nat({ max: 4 }), fc.nat(), fc.constantFrom(...NUMBERS)), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.constantFrom('take', 'penalty', 'refund', 'block', 'unblock'),
      async (plan, spoils, how) => {
        await bench.raw.flushall()
        const limiter = plans[plan] as (typeof plans)[number]
        await limiter.take('ann')
        const keys = (await bench.raw.keys('pk1:{shop/*')).toSorted()
        for (const [at, offset, number] of spoils) {
          const key = keys[at % keys.length] as string
          if (key.includes(':limit-slots:')) {
            // There is no such score.
            const score = Number.isNaN(number) ? 'inf' : String(number)
            await bench.raw.zadd(key, score, offset % 2 ? '' : 'x')
          } else {
            const length = (await bench.raw.strlen(key)) / 8
            await bench.raw.setrange(key, 8 * (offset % length), doubles(number))
          }
        }
        const before = await keyspace(bench.raw)
        try {
          if (how === 'block') await limiter.block('ann', { duration: '1m', reason: 'spam' })
          else await limiter[how]('ann')
        } catch (error) {
          expect(error).toMatchObject({ code: 'PENKNIFE_REJECTED', fate: 'not-done' })
          expect((error as Error).message).toMatch(/pk1:\{shop\/\d+\}/)
          expect(await keyspace(bench.raw)).toEqual(before)
        }
      },
    )
    await fc.assert(property, { ...cases(200, 20_000), endOnFailure: true })
  },
  LONG ? 600_000 : 20_000,
)

test('a state that cannot be read can be reset', async () => {
  const settings = { deadline: '5s', whenUnavailable: 'throw', denyCache: false } as const
  const limiter = createRateLimiter(penknife.space('shop'), 'api', { ...settings, rules: RULES })
  await limiter.take('ann')
  for (const key of await bench.raw.keys('pk1:{shop/*'))
    await bench.raw.multi().del(key).lpush(key, 'x').exec()
  const refused = await failure(limiter.take('ann'))
  expect(refused.message).toMatch(/pk1:\{shop\/\d+\}:limit:api:ann is a list, not a string/)
  expect(await limiter.reset('ann')).toMatchObject({ found: true, blocks: [], leases: 0 })
  expect((await limiter.take('ann')).allowed).toBe(true)
})

import { createRateLimiter, type LimiterEvent, type RateLimiter, type LimiterRule } from '@penknife/core'
import { expect, test } from 'vitest'

import { type Child, startProgram } from '../support/child.ts'
import { failure, openReady } from '../support/connect.ts'
import { callsOf, freeze, ownRedis, pattern, useRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'
import { warningsOf } from '../support/warnings.ts'

/** Two versions of an application run side by side during a deploy. */
const bench = useRedis()
const DECLARED = 'pk1:{shop}:limit-declared:api'

const MINUTE: LimiterRule = { name: 'minute', limit: 10, window: '1m' }
const DAY = {
  name: 'quota',
  algorithm: 'fixed-window',
  limit: 10,
  calendar: 'day',
  timeZone: 'UTC',
} satisfies LimiterRule
const MONTH: LimiterRule = { ...DAY, calendar: 'month' as const }
const BERLIN: LimiterRule = { ...DAY, timeZone: 'Europe/Berlin' }

async function open(rules: readonly LimiterRule[]): Promise<RateLimiter> {
  const penknife = await openReady(pattern(bench.server.url))
  const always = { whenUnavailable: 'throw', denyCache: false, deadline: '5s' } as const
  return createRateLimiter(penknife.space('shop'), 'api', { rules, ...always })
}

/** The changes that a limiter reports. */
function changesOf(limiter: RateLimiter): readonly LimiterEvent[] {
  const events: LimiterEvent[] = []
  limiter.on((event) => void events.push(event))
  return events
}

/** Resolves when the limiter's declaration is in Redis. */
async function declared(rules: number): Promise<void> {
  await until('the rules are declared', async () => (await bench.raw.zcard(DECLARED)) === rules)
}

async function version(rules: readonly LimiterRule[]): Promise<(subject: string) => Promise<unknown>> {
  const child: Child = startProgram('limited', [bench.server.url, JSON.stringify(rules)])
  expect(await child.next()).toBe('ready')
  return async (subject) => {
    child.process.stdin?.write(`${subject}\n`)
    return child.next()
  }
}

test('of two versions with different calendars the second is refused, and the first continues to count', async () => {
  const [older, newer] = await Promise.all([version([MONTH]), version([DAY])])
  expect(await older('ann')).toEqual({ allowed: true, remaining: 9 })
  for (let at = 0; at < 2; at++) {
    expect(await newer('ann')).toEqual({
      code: 'PENKNIFE_INVALID',
      refused:
        `calendar of rule 'quota' of limiter 'api' of space 'shop' is "day of UTC": other processes count by ` +
        "'month of UTC' under this name, and each would read the other's count wrongly; " +
        'give the rule another name: it then counts anew',
    })
  }
  expect(await older('ann')).toEqual({ allowed: true, remaining: 8 })
  const renamed = await version([{ ...DAY, name: 'daily' }])
  expect(await renamed('ann')).toMatchObject({ event: { kind: 'redeclared' } })
})

test.each<[string, LimiterRule, LimiterRule]>([
  ['unit of time', DAY, MONTH],
  ['time zone', DAY, BERLIN],
])(
  'a rule of another %s under the same name is refused before anything is written',
  async (_, before, now) => {
    await (await open([before])).take('ann')
    const state = await bench.raw.dump((await bench.raw.keys('pk1:{shop/*'))[0] ?? '')
    const limiter = await open([now])
    for (const call of [
      () => limiter.take('ann'),
      () => limiter.wait('ann'),
      () => limiter.reserve('ann', { cost: 1, expires: '1m' }),
      () => limiter.penalty('ann'),
      () => limiter.refund('ann'),
    ]) {
      expect(await failure(call())).toMatchObject({ code: 'PENKNIFE_INVALID', fate: 'not-done' })
    }
    expect(await bench.raw.keys('pk1:{shop/*')).toHaveLength(1)
    expect(await bench.raw.dump((await bench.raw.keys('pk1:{shop/*'))[0] ?? '')).toBe(state)
  },
)

test('another calendar is accepted over another part of the subject, and when no count of the old calendar can exist', async () => {
  await (await open([{ ...DAY, per: 'user' }])).take({ user: 'u1' })
  await (await open([{ ...MONTH, per: 'tenant' }])).take({ tenant: 't1' })
  expect(await failure((await open([{ ...MONTH, per: 'user' }])).take({ user: 'u1' }))).toMatchObject({
    code: 'PENKNIFE_INVALID',
  })
  const [, livesUntilUs] = await bench.raw.zrange(DECLARED, '0', '0', 'WITHSCORES')
  expect(Number(livesUntilUs) / 1000 - Date.now()).toBeGreaterThan(31 * 86_400_000)
  // As after that time.
  await bench.raw.zadd(DECLARED, '1', 'user/quota day of UTC')
  expect((await (await open([{ ...MONTH, per: 'user' }])).take({ user: 'u1' })).allowed).toBe(true)
})

test.each<[string, readonly LimiterRule[], string, readonly LimiterRule[], string]>([
  [
    'limits',
    [MINUTE],
    'minute: gcra, 10 in 60000 ms',
    [{ ...MINUTE, limit: 20, burst: 5 }],
    'minute: gcra, 20 in 60000 ms, burst 5',
  ],
  [
    'a window',
    [MINUTE],
    'minute: gcra, 10 in 60000 ms',
    [{ ...MINUTE, window: '1h' }],
    'minute: gcra, 10 in 3600000 ms',
  ],
  [
    'an algorithm, which then counts anew',
    [MINUTE],
    'minute: gcra, 10 in 60000 ms',
    [{ ...MINUTE, algorithm: 'sliding-log' }],
    'minute: sliding-log, 10 in 60000 ms',
  ],
  [
    'the number of rules',
    [DAY, { name: 'slots', algorithm: 'concurrency', limit: 2, lease: '30s' }],
    'quota: fixed-window, 10 a day of UTC; slots: concurrency, 2, lease 30000 ms',
    [{ ...DAY, shadow: true }, { ...MINUTE }],
    'quota: fixed-window, 10 a day of UTC, shadow; minute: gcra, 10 in 60000 ms',
  ],
])('a deploy that changes %s is accepted, and reported once', async (_, older, before, newer, now) => {
  const first = await open(older)
  const quiet = changesOf(first)
  await first.take('ann')
  const calendars = older.some((rule) => 'calendar' in rule) ? 1 : 0
  await declared(1 + calendars)
  const second = await open(newer)
  const events = changesOf(second)
  await second.take('ann')
  await until('it is reported', () => events.length > 0)
  const third = await open(newer)
  const later = changesOf(third)
  for (const limiter of [first, second, third, third]) await limiter.take('ann')
  const calls = await callsOf(bench.raw, 'evalsha')
  await third.take('ann')
  // None but the charge.
  expect(await callsOf(bench.raw, 'evalsha')).toBe(calls + 1)
  expect(events).toEqual([{ kind: 'redeclared', space: 'shop', name: 'api', before, now }])
  expect([...quiet, ...later]).toEqual([])
})

test('without a listener the change is a process warning that names both declarations', async () => {
  const warnings = warningsOf('PENKNIFE_REDECLARED')
  await (await open([MINUTE])).take('ann')
  await declared(1)
  await (await open([{ ...MINUTE, limit: 20 }])).take('ann')
  await until('it warns', () => warnings.length > 0)
  expect(warnings).toEqual([
    "limiter 'api' of space 'shop' was declared with 'minute: gcra, 10 in 60000 ms' and now with " +
      "'minute: gcra, 20 in 60000 ms': each process uses its own",
  ])
})

test('a declaration that another program wrote stops nothing', async () => {
  await bench.raw.set(DECLARED, 'x')
  for (const rules of [[MINUTE], [DAY]]) {
    const limiter = await open(rules)
    expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'redis' })
    expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'redis' })
  }
})

test('while Redis does not answer, the policy answers the first call of a calendar rule within the deadline', async () => {
  const server = await ownRedis()
  const penknife = await openReady(pattern(server.url))
  const limiter = createRateLimiter(penknife.space('shop'), 'api', { rules: [DAY], deadline: '300ms' })
  freeze(server)
  const started = performance.now()
  expect(await limiter.take('ann')).toMatchObject({ allowed: true, decidedBy: 'policy' })
  expect(performance.now() - started).toBeLessThan(590)
})

import {
  createRateLimiter,
  type LimiterDecision,
  type LimiterLease,
  type RateLimiter,
  type LimiterRule,
} from '@penknife/core'
import * as fc from 'fast-check'
import { expect, test } from 'vitest'

import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'
import { createModel, leaseOf, mistakenStates, mistakes } from './model.ts'
import { KINDS, type Kind, mostOf, ruleOf } from './rules.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const MINUTE_US = 60_000_000
const SUBJECTS = 3

type Step =
  | { readonly kind: 'take'; readonly subjects: readonly number[]; readonly cost: number }
  | { readonly kind: 'add'; readonly subject: number; readonly tokens: number }
  | { readonly kind: 'set'; readonly subject: number; readonly used: number }
  | { readonly kind: 'reset'; readonly subject: number }
  | { readonly kind: 'lease'; readonly nth: number; readonly renew: boolean }
  | { readonly kind: 'clock'; readonly us: number }
  | { readonly kind: 'rules'; readonly at: number }

/** Three versions of one limiter, as deployments of an application would have them: same names, other numbers. */
function versionsOf(kinds: readonly Kind[], shadows: readonly boolean[]): fc.Arbitrary<LimiterRule[][]> {
  const rules = kinds.map((kind, at) => ruleOf(kind, `${kind}-${at}`, shadows[at] ?? false))
  return fc.array(fc.tuple<LimiterRule[]>(...rules), { minLength: 3, maxLength: 3 })
}

const take = fc.record({
  kind: fc.constant('take' as const),
  subjects: fc.array(fc.integer({ min: 0, max: SUBJECTS - 1 }), { minLength: 1, maxLength: 6 }),
  cost: fc.integer({ min: 0, max: 5 }),
})
const add = fc.record({
  kind: fc.constant('add' as const),
  subject: fc.integer({ min: 0, max: SUBJECTS - 1 }),
  tokens: fc.integer({ min: -8, max: 12 }),
})
const setting = fc.record({
  kind: fc.constant('set' as const),
  subject: fc.integer({ min: 0, max: SUBJECTS - 1 }),
  used: fc.integer({ min: 0, max: 50 }),
})
const reset = fc.record({
  kind: fc.constant('reset' as const),
  subject: fc.integer({ min: 0, max: SUBJECTS - 1 }),
})
const lease = fc.record({
  kind: fc.constant('lease' as const),
  nth: fc.nat({ max: 20 }),
  renew: fc.boolean(),
})
const clockStep = fc.record({
  kind: fc.constant('clock' as const),
  us: fc.oneof(
    fc.integer({ min: 0, max: MINUTE_US }),
    fc.integer({ min: -MINUTE_US, max: 20 * MINUTE_US }),
    fc.integer({ min: -60 * MINUTE_US, max: 0 }),
  ),
})
const rules = fc.record({ kind: fc.constant('rules' as const), at: fc.integer({ min: 0, max: 2 }) })

const steps = fc.array(
  fc.oneof(
    { weight: 8, arbitrary: take },
    { weight: 2, arbitrary: add },
    { weight: 1, arbitrary: setting },
    { weight: 1, arbitrary: reset },
    { weight: 2, arbitrary: lease },
    { weight: 4, arbitrary: clockStep },
    { weight: 1, arbitrary: rules },
  ),
  { minLength: 5, maxLength: 30 },
)

/** Each key with its value and its TTL, which is made long after that, because the server's clock is not the test's. */
const STATES = `
local all = {}
for at, key in ipairs(redis.call('KEYS', 'pk1:{shop/*')) do
  all[at] = { key, redis.call('DUMP', key), redis.call('PTTL', key) }
  redis.call('PEXPIRE', key, 100000000)
end
return all`

/** The value of each key. Checks that each has a TTL. */
async function states(): Promise<Map<string, string>> {
  const all = (await bench.raw.callBuffer('EVAL', STATES, '0')) as [Buffer, Buffer, number][]
  const endless = all.filter(([, , ttl]) => ttl <= 0).map(([key]) => key.toString())
  expect(endless, 'keys without a TTL').toEqual([])
  const values = all.map(([key, dump]): [string, string] => [key.toString(), dump.toString('latin1')])
  return new Map(values.toSorted(([one], [other]) => (one < other ? -1 : 1)))
}

const seen = { allowed: 0, denied: 0 }

/**
 * Runs steps on the limiter and on the model. With changing rules a charge drops full states of the other rules, as
 * an expiry would. Then the clock is set back to the latest charge at most, because those states were in use before
 * it.
 */
async function compare(
  versions: readonly LimiterRule[][],
  limiters: readonly RateLimiter[],
  run: readonly Step[],
  comeAndGo: boolean = false,
  counting: boolean = false,
): Promise<void> {
  const clock = createClock(bench.raw)
  await bench.raw.flushall()
  await clock.set(START_US)
  const model = createModel()
  const leases: {
    readonly lease: LimiterLease
    readonly id: number
    readonly us: number
    released?: boolean
  }[] = []
  let version = 0
  let id = 0
  // A clock that was stepped back is noted in the states.
  let back = false
  let chargedAt = -Infinity
  let before = await states()
  for (const next of run) {
    const used = versions[version] as LimiterRule[]
    const limiter = limiters[version] as RateLimiter
    let mayDiffer = true
    if (next.kind === 'clock') {
      const us = comeAndGo ? Math.max(next.us, chargedAt - clock.now) : next.us
      await clock.advance(us)
      back ||= us < 0
    } else if (next.kind === 'rules') version = next.at
    else if (next.kind === 'lease') {
      const taken = leases[next.nth]
      if (!taken) continue
      const expected = model.lease(taken.id, clock.now, next.renew ? taken.us : undefined)
      if (next.renew) expect(await taken.lease.renew()).toBe(expected)
      // A repeated release resolves with the first answer.
      else expect(await taken.lease.release()).toBe((taken.released ??= expected))
    } else if (next.kind === 'reset') {
      const subject = `subject-${next.subject}`
      const found = await limiter.reset(subject)
      const { used: inUse, leases: inForce } = model.reset(subject, used, clock.now)
      expect(found.rules).toEqual(expect.arrayContaining([...inUse]))
      expect(found.leases).toBe(inForce)
      expect(found.found).toBe([...before.keys()].some((key) => key.endsWith(`:${subject}`)))
    } else if (next.kind === 'set') {
      const subject = `subject-${next.subject}`
      chargedAt = clock.now
      const actual = await limiter.set(subject, { used: next.used })
      const expected = model.set(subject, used, next.used, clock.now)
      expect(
        mistakenStates(
          expected.filter(({ rule }) => !rule.shadow),
          actual,
        ),
      ).toEqual([])
    } else if (next.kind === 'add') {
      const subject = `subject-${next.subject}`
      const call = next.tokens < 0 ? limiter.refund : limiter.penalty
      chargedAt = clock.now
      const actual = await call(subject, { cost: Math.abs(next.tokens) })
      const expected = model.add(subject, used, next.tokens, clock.now)
      expect(
        mistakenStates(
          expected.filter(({ rule }) => !rule.shadow),
          actual,
        ),
      ).toEqual([])
    } else {
      const cost = Math.min(next.cost, ...used.filter(({ shadow }) => !shadow).map(mostOf))
      const subjects = next.subjects.map((subject) => `subject-${subject}`)
      // Together in one tick: a batch in which subjects repeat.
      const decisions: LimiterDecision[] = await Promise.all(
        subjects.map((subject) => limiter.take(subject, { cost })),
      )
      for (const [at, subject] of subjects.entries()) {
        const decision = decisions[at] as LimiterDecision
        const expected = model.take(subject, used, cost, clock.now, ++id, counting)
        expect(mistakes(expected, decision)).toEqual([])
        seen[decision.allowed ? 'allowed' : 'denied'] += 1
        if (decision.lease) leases.push({ lease: decision.lease, id, us: leaseOf(used) })
      }
      const charged = (counting || decisions.some(({ allowed }) => allowed)) && cost > 0
      if (charged) chargedAt = clock.now
      mayDiffer = charged || back
    }
    const after = await states()
    if (!mayDiffer) expect(after).toEqual(before)
    before = after
  }
}

async function check(
  versions: fc.Arbitrary<LimiterRule[][]>,
  numRuns: number,
  countDenied: boolean = false,
): Promise<void> {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  seen.allowed = seen.denied = 0
  const property = fc.asyncProperty(versions, steps, async (each, run) => {
    const limiters = each.map((given) =>
      createRateLimiter(space, 'api', { rules: given, deadline: '5s', denyCache: false, countDenied }),
    )
    await compare(each, limiters, run, false, countDenied)
  })
  await fc.assert(property, cases(numRuns, numRuns * 75))
  // Both answers occurred often enough for a meaningful comparison.
  expect(Math.min(seen.allowed, seen.denied)).toBeGreaterThan(numRuns / 2)
}

test.each(KINDS)(
  'every decision of a %s rule is the one that plain arithmetic gives, and a denial changes nothing',
  async (kind) => check(versionsOf([kind], []), 24),
  300_000,
)

test('every decision of several GCRA rules agrees with plain arithmetic', async () => {
  await check(
    fc.constantFrom(2, 3).chain((count) =>
      versionsOf(
        Array.from({ length: count }, () => 'gcra'),
        [],
      ),
    ),
    16,
  )
}, 300_000)

test('every decision of mixed rules, some of them shadows, agrees with plain arithmetic, also when denials count', async () => {
  const mixes = fc
    .tuple(
      fc.array(fc.constantFrom(...KINDS), { minLength: 2, maxLength: 5 }),
      fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }),
    )
    .chain(([kinds, shadows]) => versionsOf(kinds, [false, ...shadows]))
  await check(mixes, 32)
  await check(mixes, 16, true)
}, 300_000)

test('rules that are dropped and used again find their used tokens, whatever was called in between', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const space = penknife.space('shop')
  const all = ['gcra', 'gcra', 'fixed-window', 'sliding-window', 'sliding-log', 'calendar'] as const
  const sets = fc.array(fc.shuffledSubarray([0, 1, 2, 3, 4, 5], { minLength: 1 }), {
    minLength: 3,
    maxLength: 3,
  })
  const property = fc.asyncProperty(
    versionsOf(all, []).map(([first]) => first as LimiterRule[]),
    sets,
    steps,
    async (each, chosen, run) => {
      const versions = chosen.map((set) => set.map((at) => each[at] as LimiterRule))
      const standing = createRateLimiter(space, 'api', {
        rules: each,
        deadline: '5s',
        denyCache: false,
      })
      // The rules of each call instead of the limiter's own.
      const limiters = versions.map((given): RateLimiter => ({
        ...standing,
        take: (subject, taking) => standing.take(subject, { ...taking, rules: given }),
        refund: (subject, taking) => standing.refund(subject, { ...taking, rules: given }),
        penalty: (subject, taking) => standing.penalty(subject, { ...taking, rules: given }),
        set: (subject, use) => standing.set(subject, { ...use, rules: given }),
      }))
      await compare(versions, limiters, run, true)
    },
  )
  await fc.assert(property, cases(24, 2000))
}, 300_000)

test('after waiting exactly retryAfterMs the same call passes, and a millisecond earlier it does not', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const clock = createClock(bench.raw)
  const given: LimiterRule[] = [
    { name: 'burst', limit: 7, window: 60_000, burst: 3 },
    { name: 'daily', limit: 100, window: '1d' },
  ]
  const limiter = createRateLimiter(penknife.space('shop'), 'api', {
    rules: given,
    deadline: '5s',
    denyCache: false,
  })
  await clock.set(START_US)
  for (let at = 0; at < 3; at++) expect((await limiter.take('ann')).allowed).toBe(true)
  const { allowed, retryAfterMs } = await limiter.take('ann', { cost: 2 })
  expect(allowed).toBe(false)
  await clock.advance((retryAfterMs - 1) * 1000)
  expect(await limiter.take('ann', { cost: 2 })).toMatchObject({ allowed: false, retryAfterMs: 1 })
  await clock.advance(1000)
  expect((await limiter.take('ann', { cost: 2 })).allowed).toBe(true)
})

test('every state has a TTL of about the time until the quota is full again', async () => {
  const penknife = await openReady(pattern(bench.server.url))
  const clock = createClock(bench.raw)
  const given: LimiterRule[] = [
    { name: 'a', limit: 10, window: '10s' },
    { name: 'b', limit: 100, window: '1h' },
  ]
  const limiter = createRateLimiter(penknife.space('shop'), 'api', {
    rules: given,
    deadline: '5s',
    denyCache: false,
  })
  await clock.set(START_US)
  const { rules: state } = await limiter.take('ann', { cost: 3 })
  // Both rules are packed in one key.
  const keys = await bench.raw.keys('pk1:{shop/*')
  expect(keys).toHaveLength(1)
  const ttl = await bench.raw.pttl(keys[0] as string)
  expect(state[1]?.resetMs).toBe(108_000)
  // At most twice as long, so that most charges need not set it again.
  expect(ttl).toBeGreaterThan(108_000)
  expect(ttl).toBeLessThanOrEqual(216_002)
})

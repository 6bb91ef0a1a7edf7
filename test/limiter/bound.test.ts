import { createRateLimiter, type LimiterDecision, type RateLimiter, type LimiterRule } from '@penknife/core'
import * as fc from 'fast-check'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'

import { createLocal } from '../../packages/core/src/limiter/local/local.ts'
import { parseRules } from '../../packages/core/src/limiter/parse-rules.ts'
import { createLocate } from '../../packages/core/src/limiter/subjects.ts'
import { createKeys } from '../../packages/core/src/redis/keys.ts'
import { createClock, useSettableClock } from '../support/clock.ts'
import { openReady } from '../support/connect.ts'
import { pattern, useRedis } from '../support/redis.ts'
import { cases } from '../support/until.ts'
import { createLedger, type Ledger } from './bound.ts'
import { KINDS, type Kind, mostOf, ruleOf } from './rules.ts'

useSettableClock()

const bench = useRedis()
const START_US = 1_800_000_000_000_000
const MINUTE_US = 60_000_000

/** Time passes in this process as it does in Redis; only Redis' clock is ever stepped back. */
let passedUs = 0
beforeEach(() => {
  passedUs = 0
  vi.spyOn(performance, 'now').mockImplementation(() => 1000 + passedUs / 1000)
})
afterEach(() => void vi.restoreAllMocks())

type Step =
  | { readonly kind: 'take'; readonly cost: number; readonly times: number }
  | { readonly kind: 'reserve'; readonly cost: number }
  | { readonly kind: 'settle'; readonly nth: number; readonly actual: number }
  | { readonly kind: 'refund' | 'penalty'; readonly tokens: number }
  | { readonly kind: 'time'; readonly us: number }
  | { readonly kind: 'step back'; readonly us: number }

const anyCost = fc.integer({ min: 1, max: 10 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('take' as const),
      cost: anyCost,
      times: fc.integer({ min: 1, max: 3 }),
    }),
  },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('reserve' as const), cost: anyCost }) },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('settle' as const),
      nth: fc.nat({ max: 6 }),
      // Mostly a cancellation.
      actual: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 12 })),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constantFrom('refund' as const, 'penalty' as const),
      tokens: fc.integer({ min: 1, max: 10 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('time' as const),
      us: fc.oneof(
        fc.integer({ min: 0, max: MINUTE_US }),
        fc.integer({ min: 0, max: 10 * MINUTE_US }),
        fc.constantFrom(1, MINUTE_US - 1, MINUTE_US, 5 * MINUTE_US),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('step back' as const),
      us: fc.integer({ min: 0, max: 30 * MINUTE_US }),
    }),
  },
)
const steps = fc.array(step, { minLength: 5, maxLength: 40 })

const seen = { passed: 0, settled: 0 }

/** The tested limiter, or the local one of a process. */
interface Asked {
  take(cost: number): Promise<LimiterDecision>
  /** Charges an estimate. Returns a function that settles it. */
  reserve(cost: number): Promise<{ decision: LimiterDecision; commit(actual: number): Promise<unknown> }>
  refund(cost: number): Promise<unknown>
  penalty(cost: number): Promise<unknown>
}

interface World {
  readonly asked: Asked
  readonly rules: readonly LimiterRule[]
  advance(us: number): Promise<void>
  stepBack(us: number): Promise<void>
}

/** Runs the steps. After each one it compares the admitted calls with each rule's promise. */
async function follow({ asked, rules, advance, stepBack }: World, run: readonly Step[]): Promise<void> {
  const ledgers = new Map<string, Ledger>(rules.map((rule) => [rule.name, createLedger(rule)]))
  const most = Math.min(...rules.filter(({ shadow }) => !shadow).map(mostOf))
  const open: {
    readonly charge: number
    readonly cost: number
    readonly commit: (actual: number) => Promise<unknown>
  }[] = []
  let charge = 0

  function passed(tokens: number, { shadow }: LimiterDecision): void {
    charge += 1
    seen.passed += 1
    for (const [name, ledger] of ledgers) {
      // A shadow rule is not charged for calls that it would have denied.
      if (shadow.some((state) => state.name === name && !state.allowed)) continue
      ledger.pass(charge, tokens, START_US + passedUs)
    }
  }

  for (const next of run) {
    switch (next.kind) {
      case 'take':
        for (let at = 0; at < next.times; at++) {
          const tokens = Math.min(next.cost, most)
          const decision = await asked.take(tokens)
          if (decision.allowed) passed(tokens, decision)
        }
        break
      case 'reserve': {
        const tokens = Math.min(next.cost, most)
        const { decision, commit } = await asked.reserve(tokens)
        if (!decision.allowed) break
        passed(tokens, decision)
        open.push({ charge, cost: tokens, commit })
        break
      }
      case 'settle': {
        const [settled] = open.splice(next.nth % Math.max(1, open.length), 1)
        if (!settled) break
        // An application gives nothing back that a refund gave back before.
        const counted = [...ledgers.values()].filter((ledger) => ledger.has(settled.charge))
        const left = Math.min(settled.cost, ...counted.map((ledger) => ledger.left(settled.charge)))
        const back = Math.min(settled.cost - next.actual, left)
        await settled.commit(settled.cost - back)
        for (const ledger of ledgers.values()) ledger.giveBack(settled.charge, Math.max(0, back))
        if (back > 0) seen.settled += 1
        break
      }
      case 'refund':
        await asked.refund(next.tokens)
        for (const ledger of ledgers.values()) ledger.giveBackLatest(next.tokens)
        break
      case 'penalty':
        await asked.penalty(next.tokens)
        break
      case 'time':
        passedUs += next.us
        await advance(next.us)
        break
      case 'step back':
        // The calls of a calendar period depend only on the calendar.
        if (!rules.some((rule) => 'calendar' in rule)) await stepBack(next.us)
        break
    }
    for (const ledger of ledgers.values()) expect(ledger.broken()).toBeUndefined()
  }
}

async function throughRedis(limiter: RateLimiter, rules: readonly LimiterRule[]): Promise<World> {
  const clock = createClock(bench.raw)
  await bench.raw.flushall()
  await clock.set(START_US)
  const move = async (us: number): Promise<void> => {
    // The server's own clock is not the one that the test sets.
    for (const key of await bench.raw.keys('pk1:*')) await bench.raw.pexpire(key, 100_000_000)
    await clock.advance(us)
  }
  const asked: Asked = {
    take: (cost) => limiter.take('ann', { cost }),
    async reserve(cost) {
      const { decision, commit } = await limiter.reserve('ann', { cost, expires: '366d' })
      return { decision, commit: async (actual) => expect(await commit(actual)).toBe(true) }
    },
    refund: (cost) => limiter.refund('ann', { cost }),
    penalty: (cost) => limiter.penalty('ann', { cost }),
  }
  return { asked, rules, advance: move, stepBack: (us) => move(-us) }
}

/** The local limiter of this process. It has no refund and no penalty, which need Redis. */
function inThisProcess(rules: readonly LimiterRule[]): World {
  vi.spyOn(Date, 'now').mockImplementation(() => (START_US + passedUs) / 1000)
  const local = createLocal(
    { instances: 1 },
    createLocate(createKeys('shop', { keyPrefix: '', db: 0 }), undefined, false),
  )
  const plan = { given: rules, rules: parseRules(rules) }
  const nothing = async (): Promise<void> => {}
  return {
    rules,
    advance: nothing,
    stepBack: nothing,
    asked: {
      take: async (cost) => local.decide(plan, 'ann', cost).decision,
      async reserve(cost) {
        const { decision, correct } = local.decide(plan, 'ann', cost)
        return { decision, commit: async (actual) => correct?.(actual - cost) }
      },
      refund: nothing,
      penalty: nothing,
    },
  }
}

type Example = [LimiterRule[], Step[]]

async function check(
  rules: fc.Arbitrary<LimiterRule[]>,
  numRuns: number,
  world: (rules: readonly LimiterRule[]) => World | Promise<World>,
  examples: Example[] = [],
): Promise<void> {
  Object.assign(seen, { passed: 0, settled: 0 })
  const property = fc.asyncProperty(rules, steps, async (given, run) => follow(await world(given), run))
  await fc.assert(property, { ...cases(numRuns, numRuns * 40), examples })
  expect(Math.min(seen.passed, seen.settled)).toBeGreaterThan(numRuns / 10)
}

async function redisWorld(): Promise<(rules: readonly LimiterRule[]) => Promise<World>> {
  const space = (await openReady(pattern(bench.server.socket))).space('shop')
  return (rules) => {
    const settings = { rules, deadline: '5s', denyCache: false } as const
    return throughRedis(createRateLimiter(space, 'api', settings), rules)
  }
}

/** All tokens are reserved, come back with time, are reserved again, and are then given back while others take them. */
const LATE_CANCELS: Step[] = [
  { kind: 'reserve', cost: 10 },
  { kind: 'time', us: 60 * MINUTE_US },
  { kind: 'reserve', cost: 10 },
  { kind: 'time', us: 60 * MINUTE_US },
  { kind: 'take', cost: 10, times: 1 },
  { kind: 'settle', nth: 1, actual: 0 },
  { kind: 'take', cost: 10, times: 1 },
  { kind: 'settle', nth: 0, actual: 0 },
  { kind: 'take', cost: 10, times: 1 },
]

/** All tokens are reserved, come back with time, and are given back by a clock by which no time has passed. */
const CANCELS_AFTER_A_STEP_BACK: Step[] = [
  { kind: 'reserve', cost: 10 },
  { kind: 'time', us: 60 * MINUTE_US },
  { kind: 'take', cost: 10, times: 1 },
  { kind: 'step back', us: 60 * MINUTE_US },
  { kind: 'settle', nth: 0, actual: 0 },
  { kind: 'take', cost: 10, times: 1 },
]

/** What is given back of the second charge was not charged to the shadow rule. */
const SHADOW: Example = [
  [
    { name: 'a', limit: 20, window: 60_000 },
    { name: 'b', limit: 10, window: 60_000, shadow: true },
  ],
  [
    { kind: 'reserve', cost: 10 },
    { kind: 'reserve', cost: 10 },
    { kind: 'settle', nth: 1, actual: 0 },
    { kind: 'take', cost: 10, times: 1 },
  ],
]

function lateCancels(kind: Kind): Example[] {
  return [LATE_CANCELS, CANCELS_AFTER_A_STEP_BACK].map((run) => [[tenAMinute(kind)], run])
}

function tenAMinute(kind: Kind): LimiterRule {
  if (kind === 'calendar') {
    return { name: 'a', algorithm: 'fixed-window', limit: 10, calendar: 'hour', timeZone: 'UTC' }
  }
  return { name: 'a', algorithm: kind, limit: 10, window: 60_000 } as LimiterRule
}

const COUNTING = KINDS.filter((kind) => kind !== 'concurrency')

const oneRule = (kind: Kind): fc.Arbitrary<LimiterRule[]> => ruleOf(kind, 'a', false).map((rule) => [rule])

test.each(COUNTING)(
  'under a %s rule no more passes than it promises, whatever is taken, reserved, refunded and cancelled when',
  async (kind) => check(oneRule(kind), 50, await redisWorld(), lateCancels(kind)),
  300_000,
)

test.each(COUNTING)(
  'nor when this process decides by itself: %s',
  async (kind) => check(oneRule(kind), 150, inThisProcess, lateCancels(kind)),
  300_000,
)

const mixed = fc
  .tuple(
    fc.array(fc.constantFrom(...COUNTING), { minLength: 2, maxLength: 4 }),
    fc.array(fc.boolean(), { minLength: 3, maxLength: 3 }),
  )
  .chain(([kinds, shadows]) =>
    fc.tuple<LimiterRule[]>(
      ...kinds.map((kind, at) => ruleOf(kind, `${kind}-${at}`, shadows[at - 1] ?? false)),
    ),
  )

test('under mixed rules, some of them shadows, no rule lets more pass than documented', async () => {
  await check(mixed, 75, await redisWorld(), [SHADOW])
  await check(mixed, 75, inThisProcess, [SHADOW])
}, 300_000)

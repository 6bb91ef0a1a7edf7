import { createLease } from '../../lease.ts'
import { checkOptions, wholeNumber } from '../../options.ts'
import type { Slots } from '../algorithms/concurrency.ts'
import type { Taken } from '../correction.ts'
import { decide, decisionOf } from '../decision.ts'
import type { LimiterLease, LimiterRuleState } from '../decision-types.ts'
import type { KnownRule } from '../rule.ts'
import type { Locate } from '../subjects.ts'
import type { LimiterLocalOptions, LimiterSubject } from '../types.ts'
import { createLocalBlocks, type LocalBlocks } from './blocks.ts'
import type { Counter, LocalLease, Moment } from './counter.ts'
import { createCounter } from './counters.ts'
import { asWhole, createShares, type RuleSet, type Share } from './shares.ts'

export interface Local {
  /** Refuses rules that cannot be divided among the instances. */
  check(plan: RuleSet): void
  decide(plan: RuleSet, subject: LimiterSubject, cost: number): Taken
  /** Charges tokens even above the share or, below 0, gives back the latest: as charge.lua does. */
  add(plan: RuleSet, subject: LimiterSubject, tokens: number): readonly LimiterRuleState[]
  readonly blocks: LocalBlocks
}

/** The `retryAfterMs` of a call whose cost is above this process' share: Redis may be back by then. */
const TRY_AGAIN_MS = 1000

/** How many counters are checked for deletion by a call that creates one. */
const SWEEP = 4

/**
 * Admits this process' share of every rule, with the same algorithms: all rules or none, also of rules whose states are in
 * several hash slots. The counts and blocks in Redis are not known here: every subject starts with a full quota.
 * Penalties, refunds and blocks that Redis does not take are applied here.
 */
export function createLocal(options: LimiterLocalOptions, locate: Locate, countDenied = false): Local {
  checkOptions('whenUnavailable.local', options, ['instances', 'states'])
  const instances = wholeNumber('instances', options.instances, 1, 1_000_000)
  const states = wholeNumber('states', options.states ?? 10_000, 1, 10_000_000)
  const sharesOf = createShares(instances)
  const blocks = createLocalBlocks(states)
  const counters = new Map<string, Counter>()
  let sweeper = counters.entries()
  /** Whether the current call created a counter. */
  let created = false

  function sweep(now: Moment): void {
    for (let at = 0; at < SWEEP; at++) {
      const { value: found, done } = sweeper.next()
      if (done) {
        sweeper = counters.entries()
        return
      }
      const [key, counter] = found
      counter.advance(now)
      if (counter.isFull()) counters.delete(key)
    }
  }

  function counterOf({ rule, kind }: Share, keyName: string): Counter {
    const own = `${kind} ${keyName}`
    const known = counters.get(own)
    if (known) return known
    created = true
    const key = counters.size < states ? own : kind
    const counter = counters.get(key) ?? createCounter(rule)
    counters.set(key, counter)
    return counter
  }

  return {
    check: (plan) => void sharesOf(plan),
    blocks,
    decide(plan, subject, cost) {
      const now = momentNow()
      const parts = plan.rules.map(({ per }) => [per, locate(subject, per).keyName] as const)
      const blocked = blocks.last(parts, now.us)
      if (blocked) return { decision: { ...decisionOf(plan.rules, blocked, cost), decidedBy: 'local' } }
      created = false
      const counted = sharesOf(plan).map((share) => {
        const { rule } = share
        const { keyName } = locate(subject, rule.per)
        const counter = counterOf(share, keyName)
        counter.advance(now)
        return { share, keyName, rule, counter, refused: cost > rule.most || counter.over(cost) }
      })
      const allowed = counted.every(({ rule, refused }) => rule.shadow || !refused)
      const charging = cost > 0 && (allowed || countDenied)
      const lease = { leaseUs: Math.min(...counted.map(({ rule }) => (rule as Slots).leaseUs ?? Infinity)) }
      const charged = charging
        ? counted.filter(({ rule, refused }) => (allowed ? !refused : rule.letter !== 's'))
        : []
      for (const { counter } of charged) counter.add(cost, lease)

      const numbers = counted.flatMap(({ counter, refused }) => [refused ? 1 : 0, ...counter.state(cost)])
      if (created) sweep(now)
      const rules = counted.map(({ rule }) => rule)
      const decision = asWhole(plan.rules, decide(rules, allowed, numbers, cost))
      if (!allowed && rules.some(({ shadow, most }) => !shadow && cost > most)) {
        const retryAfterMs = Math.max(decision.retryAfterMs, TRY_AGAIN_MS)
        return { decision: { ...decision, retryAfterMs } }
      }
      const correct: Taken['correct'] = async (tokens) => {
        const later = momentNow()
        for (const { share, keyName, counter, rule } of charged) {
          if (rule.letter === 's') continue
          // More tokens are charged to the subject's current counter; the counter that was charged gives back.
          const counting = tokens > 0 ? counterOf(share, keyName) : counter
          counting.advance(later)
          if (tokens > 0) counting.add(tokens, NO_LEASE)
          else counting.giveBack(-tokens, now)
        }
        return []
      }
      const slots = charged.filter(({ rule }) => rule.letter === 's')
      const withLease = slots.length === 0 ? decision : { ...decision, lease: leaseOf(slots, lease) }
      return { decision: withLease, correct: allowed ? correct : undefined }
    },
    add(plan, subject, tokens) {
      const now = momentNow()
      const shares = sharesOf(plan)
      const numbers = shares.flatMap((share) => {
        const counter = counterOf(share, locate(subject, share.rule.per).keyName)
        counter.advance(now)
        if (share.rule.letter !== 's') {
          if (tokens > 0) counter.add(tokens, NO_LEASE)
          else counter.giveBackLatest(-tokens)
        }
        return [0, ...counter.state(0)]
      })
      const rules = shares.map(({ rule }) => rule)
      return asWhole(plan.rules, decide(rules, true, numbers, 0)).rules
    },
  }
}

const NO_LEASE: LocalLease = { leaseUs: 0 }

function momentNow(): Moment {
  return { us: Math.floor(performance.now() * 1000), wallUs: Date.now() * 1000 }
}

function leaseOf(
  slots: readonly { readonly rule: KnownRule; readonly counter: Counter }[],
  lease: LocalLease,
): LimiterLease {
  const renewOrRelease = async (renew: boolean): Promise<boolean> => {
    const now = momentNow()
    const all = slots.map(({ counter }) => {
      counter.advance(now)
      return counter.renewOrRelease?.(lease, renew) === true
    })
    return all.every(Boolean)
  }
  return {
    leaseMs: lease.leaseUs / 1000,
    renew: () => renewOrRelease(true),
    ...createLease(() => renewOrRelease(false)),
  }
}

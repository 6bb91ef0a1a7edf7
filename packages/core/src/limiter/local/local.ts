import { durationMs } from '../../duration.ts'
import { invalid } from '../../errors.ts'
import { checkOptions, wholeNumber } from '../../options.ts'
import type { Slots } from '../algorithms/concurrency.ts'
import { decide } from '../decide.ts'
import type { KnownRule } from '../rule.ts'
import { parseRules, ruleInfo } from '../rules.ts'
import type { Locate } from '../subjects.ts'
import type { Taken } from '../taken.ts'
import type { Decision, Lease, Rule, RuleState, Subject } from '../types.ts'
import { createTally, type LocalLease, type Moment, type Tally } from './tallies.ts'

/** A limiter of this process alone, for the time in which Redis does not answer. */
export interface LocalOptions {
  /** How many processes share the limits: each admits this part of every rule's limit and burst, rounded down. */
  readonly instances: number
  /**
   * States that are kept at most, one for each subject and rule. When all are in use, further subjects share one:
   * together they get what one of them would. Default: 10,000.
   */
  readonly states?: number
}

/** Rules as they were given, and as they were understood. */
export interface Ruled {
  readonly given: readonly Rule[]
  readonly rules: readonly KnownRule[]
}

export interface Local {
  /** Refuses rules that cannot be divided among the instances. */
  check(plan: Ruled): void
  decide(plan: Ruled, subject: Subject, cost: number): Taken
}

/** This process' part of a rule, and what its states are called. */
interface Share {
  readonly rule: KnownRule
  readonly kind: string
}

/** What is told to wait when a cost is more than this process may ever admit: Redis may be back by then. */
const TRY_AGAIN_MS = 1000

/** States that a call which makes a new one looks at, whether they can be forgotten. */
const SWEEP = 4

/**
 * Admits in this process its share of every rule, with the same algorithms: all or none, also of rules that live apart in
 * Redis. It knows nothing of what Redis counted: whoever it meets begins rested, and no block is seen.
 */
export function createLocal(options: LocalOptions, locate: Locate): Local {
  checkOptions('whenUnavailable.local', options, ['instances', 'states'])
  const instances = wholeNumber('instances', options.instances, 1, 1_000_000)
  const states = wholeNumber('states', options.states ?? 10_000, 1, 10_000_000)
  const shares = new WeakMap<Ruled, readonly Share[]>()
  const tallies = new Map<string, Tally>()
  let sweeper = tallies.entries()
  /** Whether this call needed a state that was not there. */
  let made = false

  function sharesOf(plan: Ruled): readonly Share[] {
    let found = shares.get(plan)
    if (!found) {
      const rules = parseRules(plan.given.map((rule) => divided(rule, instances)))
      // Other numbers, another state: who has which rules hardly changes while Redis is away.
      found = rules.map((rule) => ({ rule, kind: `${rule.id} ${rule.limit} ${rule.burst} ${rule.windowMs}` }))
      shares.set(plan, found)
    }
    return found
  }

  function sweep(now: Moment): void {
    for (let at = 0; at < SWEEP; at++) {
      const { value: found, done } = sweeper.next()
      if (done) {
        sweeper = tallies.entries()
        return
      }
      const [key, tally] = found
      tally.look(now)
      if (tally.rested()) tallies.delete(key)
    }
  }

  function tallyOf({ rule, kind }: Share, who: string): Tally {
    const own = `${kind} ${who}`
    const known = tallies.get(own)
    if (known) return known
    made = true
    const key = tallies.size < states ? own : kind
    const tally = tallies.get(key) ?? createTally(rule)
    tallies.set(key, tally)
    return tally
  }

  return {
    check: (plan) => void sharesOf(plan),
    decide(plan, subject, cost) {
      const now = momentNow()
      made = false
      const counted = sharesOf(plan).map((share) => {
        const { rule } = share
        const { who } = locate(subject, rule.per)
        const tally = tallyOf(share, who)
        tally.look(now)
        return { share, who, rule, tally, refused: cost > rule.most || tally.over(cost) }
      })
      const allowed = counted.every(({ rule, refused }) => rule.shadow || !refused)
      const charging = allowed && cost > 0
      const lease = { leaseUs: Math.min(...counted.map(({ rule }) => (rule as Slots).leaseUs ?? Infinity)) }
      const charged = charging ? counted.filter(({ refused }) => !refused) : []
      for (const { tally } of charged) tally.add(cost, lease)

      const told = counted.flatMap(({ tally, refused }) => [refused ? 1 : 0, ...tally.tell(cost)])
      if (made) sweep(now)
      const rules = counted.map(({ rule }) => rule)
      const decision = asLocal(plan.rules, decide(rules, allowed, told, cost))
      if (!allowed && rules.some(({ shadow, most }) => !shadow && cost > most)) {
        const retryAfterMs = Math.max(decision.retryAfterMs, TRY_AGAIN_MS)
        return { decision: { ...decision, retryAfterMs } }
      }
      const correct: Taken['correct'] = async (tokens) => {
        const later = momentNow()
        for (const { share, who, tally, rule } of charged) {
          if (rule.letter === 's') continue
          // More is charged to whatever counts the subject now; what it was charged to gives back.
          const counting = tokens > 0 ? tallyOf(share, who) : tally
          counting.look(later)
          if (tokens > 0) counting.add(tokens, NO_LEASE)
          else counting.giveBack(-tokens, now)
        }
        return []
      }
      const slots = charged.filter(({ rule }) => rule.letter === 's')
      const held = slots.length === 0 ? decision : { ...decision, lease: leaseOf(slots, lease) }
      return { decision: held, correct: allowed ? correct : undefined }
    },
  }
}

const NO_LEASE: LocalLease = { leaseUs: 0 }

function momentNow(): Moment {
  return { us: Math.floor(performance.now() * 1000), wallUs: Date.now() * 1000 }
}

/** One instance's part of a rule. */
function divided(rule: Rule, instances: number): Rule {
  const part = (whole: number): number => {
    const share = Math.floor(whole / instances)
    if (share > 0 || whole === 0) return share
    const fix = `rule '${rule.name}' allows ${whole}: give at most that many, or another whenUnavailable`
    throw invalid('instances', instances, fix)
  }
  const limit = part(rule.limit)
  if (!('burst' in rule) || rule.burst === undefined) return { ...rule, limit }
  // A rate that is not a whole number any more may not be exact with as many saved up.
  const exact = Math.floor(2 ** 52 / (durationMs('window', rule.window) * 1000))
  return { ...rule, limit, burst: Math.min(part(rule.burst), Math.max(limit, exact)) }
}

/** The decision of the shares as one of the rules: what is left is this process' part. */
function asLocal(known: readonly KnownRule[], decision: Decision): Decision {
  const ofRule = <State extends RuleState>(state: State): State => {
    const rule = known.find(({ name }) => name === state.name) as KnownRule
    return { ...state, ...ruleInfo(rule) }
  }
  const { rules, shadow } = decision
  return { ...decision, rules: rules.map(ofRule), shadow: shadow.map(ofRule), decidedBy: 'local' }
}

function leaseOf(
  slots: readonly { readonly rule: KnownRule; readonly tally: Tally }[],
  lease: LocalLease,
): Lease {
  const hold = async (renew: boolean): Promise<boolean> => {
    const now = momentNow()
    const held = slots.map(({ tally }) => {
      tally.look(now)
      return tally.hold(lease, renew)
    })
    return held.every(Boolean)
  }
  return {
    leaseMs: lease.leaseUs / 1000,
    renew: () => hold(true),
    release: () => hold(false),
  }
}

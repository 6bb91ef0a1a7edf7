import { durationMs } from '../duration.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import type { MovedTime } from '../redis/moved-time.ts'
import type { LimiterDecision } from './decision-types.ts'
import { laterDenial } from './later-denial.ts'
import type { LimiterDenyCacheOptions } from './types.ts'

/** Denials that are still in force, so that Redis need not be asked. */
export interface DenyCache {
  /** What a call of a positive cost is denied with; undefined when Redis has to be asked. */
  denied(subject: string, rules: string, cost: number): Denied | undefined
  /** Remembers what Redis decided. */
  learn(subject: string, rules: string, cost: number, decision: LimiterDecision): void
  /** Forgets one subject, or all: the next call asks Redis. */
  forget(subject?: string): void
}

export interface Denied {
  readonly decision: LimiterDecision
  /** The same as a promise, which then need not be made for each call. */
  readonly answer: Promise<LimiterDecision>
}

/** Rule sets for which one subject's denials are remembered. */
const MAX_RULE_SETS = 4

/**
 * A denial is true of every call of at least its cost under the same rules until its time is over: nothing but time
 * gives tokens back, unless somebody refunds, resets or unblocks. Under a concurrency rule a release may come at any
 * moment: such denials are not remembered.
 *
 * Entries live in two generations. The older one is dropped as a whole when the younger is full or as old as an entry
 * may get, so that nothing is searched for and nothing outlives its use by more than one call that is denied.
 */
export function createDenyCache(
  options: LimiterDenyCacheOptions,
  movedTime: Pick<MovedTime, 'count'> = { count: 0 },
): DenyCache {
  checkOptions('denyCache', options, ['entries', 'staleness'])
  const entries = wholeNumber('entries', options.entries ?? 10_000, 2, 10_000_000)
  const stalenessMs = durationMs('staleness', options.staleness ?? 1000, { max: 3_600_000 })
  let young = new Map<string, Denial>()
  let old = new Map<string, Denial>()
  let youngSince = 0
  let moves = movedTime.count

  const find = (subject: string): Denial | undefined => young.get(subject) ?? old.get(subject)

  const isEmpty = (): boolean => young.size === 0 && old.size === 0

  function clear(): void {
    young.clear()
    old.clear()
  }

  function drop(subject: string): void {
    young.delete(subject)
    old.delete(subject)
  }

  /** Puts a denial in front of what is still in force of the subject's other rule sets. */
  function remember(subject: string, denial: Denial): void {
    let kept = 1
    let last = denial
    for (let other = find(subject); other !== undefined; other = other.next) {
      if (other.rules === denial.rules || other.over(denial.since) || kept === MAX_RULE_SETS) continue
      kept += 1
      last.next = other
      last = other
    }
    last.next = undefined
    old.delete(subject)
    if (young.size >= entries / 2 || denial.since - youngSince > stalenessMs) {
      old = young
      young = new Map()
      youngSince = denial.since
      old.delete(subject)
    }
    young.set(subject, denial)
  }

  return {
    denied(subject, rules, cost) {
      if (isEmpty()) return undefined
      if (moves !== movedTime.count) {
        moves = movedTime.count
        clear()
        return undefined
      }
      const denial = ofRules(find(subject), rules)
      return denial === undefined || cost < denial.cost ? undefined : denial.now(cost)
    },
    learn(subject, rules, cost, decision) {
      if (decision.allowed && isEmpty()) return
      const known = ofRules(find(subject), rules)
      if (decision.allowed) {
        // What was denied passed: somebody gave tokens back.
        if (known !== undefined && known.cost <= cost) drop(subject)
        return
      }
      if (cost === 0 || decision.decidedBy !== 'redis') return
      if (decision.rules.some(({ algorithm }) => algorithm === 'concurrency')) return
      const since = performance.now()
      if (known !== undefined && known.cost < cost && !known.over(since)) return
      const forMs = Math.min(decision.retryAfterMs, stalenessMs)
      remember(subject, new Denial(rules, cost, decision, since, forMs))
    },
    forget(subject) {
      if (subject === undefined) clear()
      else drop(subject)
    },
  }
}

function ofRules(first: Denial | undefined, rules: string): Denial | undefined {
  let denial = first
  while (denial !== undefined && denial.rules !== rules) denial = denial.next
  return denial
}

/** Where no time helps, the times of the other rules are counted down in steps of a second. */
const LONGEST_MS = 128_000

const UNMADE: Promise<never> = new Promise(() => {})

class Denial implements Denied {
  readonly rules: string
  readonly cost: number
  /** When the reply came, which is after the decision: a time counted from here is never early. */
  readonly since: number
  next: Denial | undefined
  decision: LimiterDecision
  answer: Promise<LimiterDecision>
  readonly #original: LimiterDecision
  readonly #forMs: number
  /** Calls share a decision for a hundredth of its `retryAfterMs`: a caller may wait for so much longer than it has to. */
  readonly #step: number
  /** What `decision` was made for. */
  #ms = -1
  #cost: number

  constructor(rules: string, cost: number, decision: LimiterDecision, since: number, forMs: number) {
    this.rules = rules
    this.cost = cost
    this.since = since
    this.next = undefined
    this.#original = decision
    this.#forMs = forMs
    this.#step = Math.max(1, Math.floor(Math.min(decision.retryAfterMs, LONGEST_MS) / 128))
    this.#cost = cost
    // Made when it is first repeated: most denials never are.
    this.decision = decision
    this.answer = UNMADE
  }

  over(now: number): boolean {
    return now - this.since >= this.#forMs
  }

  now(cost: number): Denied | undefined {
    const elapsed = performance.now() - this.since
    if (elapsed >= this.#forMs) return undefined
    const ms = Math.floor(elapsed / this.#step) * this.#step
    if (ms !== this.#ms || cost !== this.#cost) {
      this.#ms = ms
      this.#cost = cost
      this.decision = laterDenial(this.#original, this.cost, cost, ms)
      this.answer = Promise.resolve(this.decision)
    }
    return this
  }
}

import { durationMs } from '../duration.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import type { MovedTime } from '../redis/moved-time.ts'
import type { LimiterDecision } from './decision-types.ts'
import { laterDenial } from './later-denial.ts'
import type { LimiterDenyCacheOptions } from './types.ts'

/** Denials that are still valid, so that Redis need not be asked. */
export interface DenyCache {
  /** The denial for a call with a positive cost; undefined when Redis must be asked. */
  denied(subject: string, rules: string, cost: number): Denied | undefined
  /** Stores the decision of Redis. */
  learn(subject: string, rules: string, cost: number, decision: LimiterDecision): void
  /** Deletes the denials of one subject, or of all: the next call asks Redis. */
  forget(subject?: string): void
}

export interface Denied {
  readonly decision: LimiterDecision
  /** The decision as a promise, shared by calls so that each need not create one. */
  readonly answer: Promise<LimiterDecision>
}

/** The most rule sets for which one subject's denials are stored. */
const MAX_RULE_SETS = 4

/**
 * A denial is valid for every call of at least its cost under the same rules until its time is over: only time gives tokens
 * back, unless a process refunds, resets or unblocks. Denials under a concurrency rule are not stored, because a slot may be
 * released at any moment.
 *
 * Entries are in two generations. The older one is dropped as a whole when the younger is full, or as old as an entry may
 * get. So no search for expired entries is needed, and they are dropped by the next denial.
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

  /** Stores a denial before the valid denials of the subject's other rule sets. */
  function store(subject: string, denial: Denial): void {
    let kept = 1
    let last = denial
    for (let other = find(subject); other !== undefined; other = other.next) {
      if (other.rules === denial.rules || other.expired(denial.since) || kept === MAX_RULE_SETS) continue
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
        // A call that was denied before passed: tokens were given back.
        if (known !== undefined && known.cost <= cost) drop(subject)
        return
      }
      if (cost === 0 || decision.decidedBy !== 'redis') return
      if (decision.rules.some(({ algorithm }) => algorithm === 'concurrency')) return
      const since = performance.now()
      if (known !== undefined && known.cost < cost && !known.expired(since)) return
      const forMs = Math.min(decision.retryAfterMs, stalenessMs)
      store(subject, new Denial(rules, cost, decision, since, forMs))
    },
    forget(subject) {
      if (subject === undefined) clear()
      else drop(subject)
    },
  }
}

/** A cache that repeats only denials of blocked subjects, for a limiter that counts the others. */
export function onlyBlocks(cache: DenyCache): DenyCache {
  return {
    ...cache,
    learn(subject, rules, cost, decision) {
      if (decision.allowed || decision.blocked) cache.learn(subject, rules, cost, decision)
    },
  }
}

function ofRules(first: Denial | undefined, rules: string): Denial | undefined {
  let denial = first
  while (denial !== undefined && denial.rules !== rules) denial = denial.next
  return denial
}

/** With an infinite `retryAfterMs` the times of the other rules are counted down in steps of a second. */
const LONGEST_MS = 128_000

const NOT_CREATED: Promise<never> = new Promise(() => {})

class Denial implements Denied {
  readonly rules: string
  readonly cost: number
  /** The time of the reply, which is after the decision, so that a time counted from here is never early. */
  readonly since: number
  next: Denial | undefined
  decision: LimiterDecision
  answer: Promise<LimiterDecision>
  readonly #original: LimiterDecision
  readonly #forMs: number
  /** Calls share a decision for about a hundredth of its `retryAfterMs`. A caller may wait that much longer than necessary. */
  readonly #step: number
  /** The elapsed time and cost for which `decision` was made. */
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
    // Created at the first repetition: most denials are never repeated.
    this.decision = decision
    this.answer = NOT_CREATED
  }

  expired(now: number): boolean {
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

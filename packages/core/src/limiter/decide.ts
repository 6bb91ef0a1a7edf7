import { badReply } from '../redis/failures.ts'
import type { Slots } from './algorithms/concurrency.ts'
import type { Bucket } from './algorithms/gcra.ts'
import { isClosed, type KnownRule, msUp } from './rule.ts'
import { ruleInfo } from './rules.ts'
import type { Decision, RuleState, ShadowState } from './types.ts'

/**
 * What Redis told of the rules of a call: for each, 1 if it refused, then the numbers of its state, from which
 * everything else is derived here.
 */
export type Told = readonly number[]

/** What a call was answered that no block kept from being looked at. */
export interface Decided {
  readonly kind: 'decided'
  readonly allowed: boolean
  readonly told: Told
  /** Redis' time of the decision in microseconds; the fast scripts do not tell it. */
  readonly at?: number
}

/** The reply of take.lua and take-all.lua: a level for each rule; minus it minus one when denied. */
export function toldOfLevels(
  buckets: readonly Bucket[],
  reply: number | readonly number[],
  cost: number,
): Decided {
  if (typeof reply === 'number') {
    const allowed = reply >= 0
    return { kind: 'decided', allowed, told: allowed ? [0, reply] : [1, -reply - 1] }
  }
  if (reply.length !== buckets.length) throw badReply('limiter/take-all', 'levels are missing')
  const allowed = (reply[0] as number) >= 0
  const told: number[] = []
  for (let at = 0; at < buckets.length; at++) {
    const { token, capacity } = buckets[at] as Bucket
    const answer = reply[at]
    if (typeof answer !== 'number') throw badReply('limiter/take-all', 'a level is missing')
    const level = allowed ? answer : -answer - 1
    told.push(!allowed && level + cost * token > capacity ? 1 : 0, level)
  }
  return { kind: 'decided', allowed, told }
}

export function decide(rules: readonly KnownRule[], allowed: boolean, told: Told, cost: number): Decision {
  const states: RuleState[] = []
  const shadow: ShadowState[] = []
  const violated: string[] = []
  let binding: RuleState | undefined
  let retryAfterMs = 0
  let at = 0
  for (const rule of rules) {
    const refused = told[at] === 1
    const state = stateOf(rule, told, at + 1)
    if (rule.shadow) shadow.push({ ...state, allowed: !refused })
    else {
      states.push(state)
      if (!allowed && refused) {
        violated.push(rule.name)
        const waitMs = Math.max(1, rule.waitMs(told, at + 1, cost))
        if (waitMs > retryAfterMs) {
          retryAfterMs = waitMs
          binding = state
        }
      } else if (allowed && (!binding || state.remaining < binding.remaining)) binding = state
    }
    at += 1 + rule.tells
  }
  if (!binding) throw badReply('a limiter', 'it denies, and no rule does')
  const { name, remaining } = binding
  return { allowed, rule: name, remaining, retryAfterMs, violated, rules: states, shadow, decidedBy: 'redis' }
}

/** Every enforced rule's state. */
export function statesOf(rules: readonly KnownRule[], told: Told): readonly RuleState[] {
  const states: RuleState[] = []
  let at = 0
  for (const rule of rules) {
    if (!rule.shadow) states.push(stateOf(rule, told, at + 1))
    at += 1 + rule.tells
  }
  return states
}

function stateOf(rule: KnownRule, told: Told, at: number): RuleState {
  const { name, algorithm, limit, windowMs, burst } = rule
  const { remaining, nextMs, resetMs } = rule.amounts(told, at)
  return { name, algorithm, limit, windowMs, burst, remaining, nextMs, resetMs }
}

/** Of a subject that is blocked: nothing was looked at, and nothing can be taken before the block ends. */
export function blockedDecision(rules: readonly KnownRule[], endsInUs: number, reason: string): Decision {
  const endsInMs = msUp(endsInUs)
  const states = enforced(rules).map((rule) => spent(rule, endsInMs))
  const [first] = states as [RuleState]
  return {
    allowed: false,
    rule: first.name,
    remaining: 0,
    retryAfterMs: endsInMs,
    violated: [],
    rules: states,
    shadow: [],
    blocked: { reason, endsInMs },
    decidedBy: 'redis',
  }
}

/**
 * The decision when Redis did not answer: nothing is known of the subject. Where the policy allows, a rule with limit 0
 * still denies what costs something: nobody need be asked for that.
 */
export function policyDecision(rules: readonly KnownRule[], open: boolean, cost: number): Decision {
  const states = enforced(rules).map((rule) => (open ? rested(rule) : spent(rule, untilNextMs(rule))))
  const denying = open ? states.filter((state) => cost > 0 && isClosed(state)) : states
  const allowed = denying.length === 0
  const first = (allowed ? states[0] : denying[0]) as RuleState
  return {
    allowed,
    rule: first.name,
    remaining: first.remaining,
    retryAfterMs: Math.max(0, ...denying.map((state) => state.nextMs)),
    violated: denying.map((state) => state.name),
    rules: states,
    shadow: [],
    decidedBy: 'policy',
  }
}

function enforced(rules: readonly KnownRule[]): readonly KnownRule[] {
  return rules.filter(({ shadow }) => !shadow)
}

function rested(rule: KnownRule): RuleState {
  const ms = isClosed(rule) ? Infinity : 0
  return { ...ruleInfo(rule), remaining: rule.burst, nextMs: ms, resetMs: ms }
}

function spent(rule: KnownRule, ms: number): RuleState {
  return { ...ruleInfo(rule), remaining: 0, nextMs: ms, resetMs: ms }
}

/** How long a rule that was used up takes for one token, as far as that is known without its state. */
function untilNextMs(rule: KnownRule): number {
  if (isClosed(rule)) return Infinity
  if (rule.letter === 's') return msUp((rule as Slots).leaseUs)
  return Math.max(1, Math.ceil((rule.windowMs ?? 1000) / rule.limit))
}

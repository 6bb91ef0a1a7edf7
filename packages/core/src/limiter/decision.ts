import { badReply } from '../redis/failures.ts'
import type { Slots } from './algorithms/concurrency.ts'
import type { LimiterBlock, LimiterDecision, LimiterRuleState, LimiterShadowState } from './decision-types.ts'
import type { Blocked, Outcome, RuleNumbers } from './outcome.ts'
import { isClosed, type KnownRule, msUp } from './rule.ts'
import { ruleInfo } from './parse-rules.ts'

/** The decision of a charge. */
export function decisionOf(rules: readonly KnownRule[], outcome: Outcome, cost: number): LimiterDecision {
  if (outcome.kind === 'blocked') return blockedDecision(rules, outcome)
  return decide(rules, outcome.allowed, outcome.numbers, cost)
}

export function decide(
  rules: readonly KnownRule[],
  allowed: boolean,
  numbers: RuleNumbers,
  cost: number,
): LimiterDecision {
  const states: LimiterRuleState[] = []
  const shadow: LimiterShadowState[] = []
  const violated: string[] = []
  let binding: LimiterRuleState | undefined
  let retryAfterMs = 0
  let at = 0
  for (const rule of rules) {
    const refused = numbers[at] === 1
    const state = stateOf(rule, numbers, at + 1)
    if (rule.shadow) shadow.push({ ...state, allowed: !refused })
    else {
      states.push(state)
      // A denied call that was charged (countDenied) may have used up a rule that did not deny it.
      if (!allowed && (refused || (state.remaining < cost && rule.letter !== 's'))) {
        if (refused) violated.push(rule.name)
        const waitMs = Math.max(1, rule.waitMs(numbers, at + 1, cost))
        if (waitMs > retryAfterMs) {
          retryAfterMs = waitMs
          binding = state
        }
      } else if (allowed && (!binding || state.remaining < binding.remaining)) binding = state
    }
    at += 1 + rule.stateSize
  }
  if (!binding) throw badReply('a limiter', 'it is a denial, but no rule denies')
  const { name, remaining } = binding
  return { allowed, rule: name, remaining, retryAfterMs, violated, rules: states, shadow, decidedBy: 'redis' }
}

/** Every enforced rule's state. */
export function statesOf(rules: readonly KnownRule[], numbers: RuleNumbers): readonly LimiterRuleState[] {
  const states: LimiterRuleState[] = []
  let at = 0
  for (const rule of rules) {
    if (!rule.shadow) states.push(stateOf(rule, numbers, at + 1))
    at += 1 + rule.stateSize
  }
  return states
}

function stateOf(rule: KnownRule, numbers: RuleNumbers, at: number): LimiterRuleState {
  const { name, algorithm, limit, windowMs, burst } = rule
  const { remaining, nextMs, resetMs } = rule.amounts(numbers, at)
  return { name, algorithm, limit, windowMs, burst, remaining, nextMs, resetMs }
}

/** A block that ends later has no end: it is far longer than a block may be, see lua/limiter/block.lua. */
const FOREVER_US = 2 ** 51

/** A block of a reply, as callers get it. */
export function blockOf({ endsInUs, reason, ban }: Blocked): LimiterBlock {
  const endsInMs = endsInUs > FOREVER_US ? Infinity : msUp(endsInUs)
  return ban === undefined ? { reason, endsInMs } : { reason, endsInMs, ban }
}

/** The decision for a blocked subject: no rule was checked, and nothing can be taken before the block ends. */
function blockedDecision(rules: readonly KnownRule[], reply: Blocked): LimiterDecision {
  const blocked = blockOf(reply)
  const { endsInMs } = blocked
  const states = enforced(rules).map((rule) => exhausted(rule, endsInMs))
  const [first] = states as [LimiterRuleState]
  return {
    allowed: false,
    rule: first.name,
    remaining: 0,
    retryAfterMs: endsInMs,
    violated: [],
    rules: states,
    shadow: [],
    blocked,
    decidedBy: 'redis',
  }
}

/**
 * The decision when Redis did not answer and the subject's state is unknown. An open policy still denies calls that cost
 * something under a rule with limit 0, because that does not depend on the state.
 */
export function policyDecision(rules: readonly KnownRule[], open: boolean, cost: number): LimiterDecision {
  const states = enforced(rules).map((rule) => (open ? full(rule) : exhausted(rule, untilNextMs(rule))))
  const denying = open ? states.filter((state) => cost > 0 && isClosed(state)) : states
  const allowed = denying.length === 0
  const first = (allowed ? states[0] : denying[0]) as LimiterRuleState
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

function full(rule: KnownRule): LimiterRuleState {
  const ms = isClosed(rule) ? Infinity : 0
  return { ...ruleInfo(rule), remaining: rule.burst, nextMs: ms, resetMs: ms }
}

function exhausted(rule: KnownRule, ms: number): LimiterRuleState {
  return { ...ruleInfo(rule), remaining: 0, nextMs: ms, resetMs: ms }
}

/** The time until an exhausted rule has one token, as far as it is known without the state. */
function untilNextMs(rule: KnownRule): number {
  if (isClosed(rule)) return Infinity
  if (rule.letter === 's') return msUp((rule as Slots).leaseUs)
  return Math.max(1, Math.ceil((rule.windowMs ?? 1000) / rule.limit))
}

import type { Decision, RuleState } from './types.ts'

/**
 * What a denial says some time later, to a call of at least its cost: the times are counted down, and never below
 * what is left of them. What came back meanwhile is not added: `remaining` stays as it was told.
 */
export function counted(
  denial: Decision,
  deniedCost: number,
  cost: number,
  ms: number,
): Decision & { readonly decidedBy: 'cache' } {
  const rules = denial.rules.map((state) => later(state, ms))
  const shadow = denial.shadow.map((state) => later(state, ms))
  const { blocked } = denial
  if (blocked) {
    const endsInMs = left(blocked.endsInMs, ms)
    const retryAfterMs = left(denial.retryAfterMs, ms)
    return { ...denial, rules, shadow, blocked: { ...blocked, endsInMs }, retryAfterMs, decidedBy: 'cache' }
  }
  if (cost === deniedCost) {
    return { ...denial, rules, shadow, retryAfterMs: left(denial.retryAfterMs, ms), decidedBy: 'cache' }
  }
  let binding = rules[0] as RuleState
  let retryAfterMs = left(denial.retryAfterMs, ms)
  const violated: string[] = []
  for (const state of rules) {
    if (state.remaining >= cost) continue
    violated.push(state.name)
    const waitMs = untilCost(state, cost)
    if (waitMs < retryAfterMs) continue
    retryAfterMs = waitMs
    binding = state
  }
  const { name: rule, remaining } = binding
  return { ...denial, rule, remaining, violated, rules, shadow, retryAfterMs, decidedBy: 'cache' }
}

function later<State extends RuleState>(state: State, ms: number): State {
  return { ...state, nextMs: left(state.nextMs, ms), resetMs: left(state.resetMs, ms) }
}

function left(ms: number, elapsed: number): number {
  return ms === 0 ? 0 : Math.max(1, ms - elapsed)
}

/** Milliseconds until a cost surely passes: exactly for GCRA, whose tokens come evenly, else when the rule is rested. */
function untilCost({ algorithm, burst, limit, windowMs, resetMs }: RuleState, cost: number): number {
  if (algorithm !== 'gcra' || windowMs === undefined) return resetMs
  return Math.max(1, Math.ceil(resetMs - ((burst - cost) * windowMs) / limit))
}

import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import type { Decision, GcraRule, Rule, RuleInfo, RuleState } from './types.ts'

/** A rule in the units of the script: a token adds `windowUs` to the level, a microsecond drains `limit`. */
export interface Bucket extends RuleInfo {
  readonly windowMs: number
  readonly windowUs: number
  readonly capacity: number
}

/** Levels are whole numbers and come back exactly up to here. */
const LARGEST_LEVEL = 2 ** 52

const MAX_RULES = 8

export function parseRules(rules: readonly Rule[]): readonly Bucket[] {
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > MAX_RULES) {
    throw invalid('rules', rules, `give a list of 1 to ${MAX_RULES} rules`)
  }
  const buckets = rules.map(parseRule)
  for (const [at, { name }] of buckets.entries()) {
    if (buckets.findIndex((other) => other.name === name) < at) {
      throw invalid('rule name', name, 'give each rule a name of its own')
    }
  }
  return buckets
}

function parseRule(given: Rule): Bucket {
  checkOptions('rule', given, ['name', 'limit', 'window', 'burst'])
  const rule = given as GcraRule
  const name = checkName('rule name', rule.name, 32)
  const limit = wholeNumber(`limit of rule '${name}'`, rule.limit, 1, 1_000_000_000)
  const windowMs = durationMs(`window of rule '${name}'`, rule.window)
  if (typeof rule.window === 'number' && rule.window < 1000) {
    const fix = `give '${rule.window}s' or '${rule.window}ms', whichever you mean: a bare number is milliseconds`
    throw invalid(`window of rule '${name}'`, rule.window, fix)
  }
  const burst = wholeNumber(`burst of rule '${name}'`, rule.burst ?? limit, 1, 1_000_000_000)
  const windowUs = Math.round(windowMs * 1000)
  if (Math.abs(windowUs - windowMs * 1000) > 1e-6) {
    throw invalid(`window of rule '${name}'`, rule.window, 'give a whole number of microseconds')
  }
  const capacity = burst * windowUs
  if (capacity > LARGEST_LEVEL) {
    const most = Math.floor(LARGEST_LEVEL / windowUs)
    throw invalid(
      `burst of rule '${name}'`,
      burst,
      `give at most ${most} with this window, so that counting stays exact`,
    )
  }
  return { name, algorithm: 'gcra', limit, windowMs, burst, windowUs, capacity }
}

/** The rules as the script reads them. */
export function packRules(buckets: readonly Bucket[]): string {
  return buckets.map(({ limit, windowUs, burst }) => `${limit} ${windowUs} ${burst}`).join(' ')
}

/** Derives the whole decision from the levels that the script answered with. */
export function decide(
  buckets: readonly Bucket[],
  reply: number | readonly number[],
  cost: number,
): Decision {
  const answers = typeof reply === 'number' ? [reply] : reply
  const allowed = (answers[0] as number) >= 0
  const rules: RuleState[] = []
  const violated: string[] = []
  let binding = 0
  let retryAfterMs = 0
  for (let at = 0; at < buckets.length; at++) {
    const bucket = buckets[at] as Bucket
    const answer = answers[at] as number
    const level = allowed ? answer : -answer - 1
    const state = stateOf(bucket, level)
    rules.push(state)
    const over = level + cost * bucket.windowUs - bucket.capacity
    if (!allowed && over > 0) {
      violated.push(bucket.name)
      const waitMs = drainMs(bucket, over)
      if (waitMs > retryAfterMs) {
        retryAfterMs = waitMs
        binding = at
      }
    } else if (allowed && state.remaining < (rules[binding] as RuleState).remaining) binding = at
  }
  const { name, remaining } = rules[binding] as RuleState
  return { allowed, rule: name, remaining, retryAfterMs, violated, rules, shadow: [], decidedBy: 'redis' }
}

function stateOf(bucket: Bucket, level: number): RuleState {
  const { name, algorithm, limit, windowMs, burst, windowUs, capacity } = bucket
  const remaining = Math.max(0, Math.floor((capacity - level) / windowUs))
  const untilNext = level - (capacity - (remaining + 1) * windowUs)
  return {
    name,
    algorithm,
    limit,
    windowMs,
    burst,
    remaining,
    nextMs: level === 0 ? 0 : drainMs(bucket, Math.min(untilNext, level)),
    resetMs: drainMs(bucket, level),
  }
}

/** Milliseconds until that much has drained, rounded up. */
function drainMs({ limit }: Bucket, units: number): number {
  return Math.ceil(units / limit / 1000)
}

/** The decision when Redis did not answer: nothing is known of the subject. */
export function policyDecision(buckets: readonly Bucket[], allowed: boolean): Decision {
  const rules = buckets.map((bucket) => stateOf(bucket, allowed ? 0 : bucket.capacity))
  const [first] = rules as [RuleState]
  return {
    allowed,
    rule: first.name,
    remaining: first.remaining,
    retryAfterMs: allowed ? 0 : Math.max(...rules.map((rule) => rule.nextMs)),
    violated: allowed ? [] : rules.map((rule) => rule.name),
    rules,
    shadow: [],
    decidedBy: 'policy',
  }
}

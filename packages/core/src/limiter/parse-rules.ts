import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { calendar } from './algorithms/calendar.ts'
import { concurrency } from './algorithms/concurrency.ts'
import { fixedWindow } from './algorithms/fixed-window.ts'
import { gcra } from './algorithms/gcra.ts'
import { slidingLog } from './algorithms/sliding-log.ts'
import { slidingWindow } from './algorithms/sliding-window.ts'
import { CLOSED, COMMON_OPTIONS, isClosed, type KnownRule, ruleHead } from './rule.ts'
import type { FixedWindowRule, LimiterRule, LimiterRuleInfo } from './rule-types.ts'

const MAX_RULES = 8

/** Checks rules, and refuses those that cannot be counted exactly. */
export function parseRules(rules: readonly LimiterRule[]): readonly KnownRule[] {
  if (!Array.isArray(rules) || rules.length === 0 || rules.length > MAX_RULES) {
    throw invalid('rules', rules, `give a list of 1 to ${MAX_RULES} rules`)
  }
  // Array.from turns holes of the list into undefined, which is refused.
  const known = Array.from(rules as readonly LimiterRule[])
    .map(parseRule)
    .map((rule) => (isClosed(rule) ? { ...rule, ...CLOSED } : rule))
  for (const [at, { name, per }] of known.entries()) {
    if (known.findIndex((other) => other.name === name) < at) {
      throw invalid('rule name', name, 'give each rule a name of its own')
    }
    if ((per === undefined) !== (known[0]?.per === undefined)) {
      throw invalid(`per of rule '${name}'`, per, "give it for every rule or for none: per: 'tenant'")
    }
  }
  if (known.every(({ shadow }) => shadow)) {
    throw invalid('rules', rules, 'give at least one rule that is not a shadow: shadow rules decide nothing')
  }
  return known
}

function parseRule(rule: LimiterRule): KnownRule {
  const check = (...more: readonly string[]): void => checkOptions('rule', rule, [...COMMON_OPTIONS, ...more])
  switch (rule?.algorithm) {
    case undefined:
    case 'gcra':
      check('window', 'burst')
      return gcra(ruleHead(rule), rule)
    case 'fixed-window':
      if ('calendar' in rule && rule.calendar !== undefined) {
        check('calendar', 'timeZone')
        return calendar(ruleHead(rule), rule)
      }
      check('window')
      return fixedWindow(ruleHead(rule), rule as FixedWindowRule)
    case 'sliding-window':
      check('window')
      return slidingWindow(ruleHead(rule), rule)
    case 'sliding-log':
      check('window')
      return slidingLog(ruleHead(rule), rule)
    case 'concurrency':
      check('lease')
      return concurrency(ruleHead(rule), rule)
    default: {
      const known = 'gcra, fixed-window, sliding-window, sliding-log, concurrency'
      throw invalid('algorithm', (rule as LimiterRule).algorithm, `give one of ${known}`)
    }
  }
}

export function ruleInfo({ name, algorithm, limit, windowMs, burst }: KnownRule): LimiterRuleInfo {
  return { name, algorithm, limit, windowMs, burst }
}

import { ruleInfo, parseRules } from '../limiter/parse-rules.ts'
import type { LimiterRule } from '../limiter/rule-types.ts'
import { parsedOptions } from './opened.ts'
import type { Registered } from './registered.ts'
import type { InspectedLimiter, InspectedObject, InspectedSpace, InspectFeature } from './types.ts'

export function spaceOf({ member, seenAtMs }: Registered): InspectedSpace {
  return { name: member, seenAtMs }
}

/** The object of a member. None where another program wrote the member. */
export function objectOf(
  space: string,
  feature: InspectFeature | undefined,
  { member, seenAtMs, text }: Registered,
): readonly InspectedObject[] {
  const options = parsedOptions(text)
  if (feature !== undefined) return [{ space, feature, name: member, seenAtMs, options }]
  const [found, name, ...more] = member.split(' ')
  if (name === undefined || more.length > 0) return []
  return [{ space, feature: found as InspectFeature, name, seenAtMs, options }]
}

export function limiterOf(space: string, { member, seenAtMs, text }: Registered): InspectedLimiter {
  const rules = rulesOf(text)
  const { routeBy } = (parsedOptions(text) ?? {}) as { readonly routeBy?: unknown }
  const parts = new Set(rules.flatMap(({ per }) => per ?? []))
  if (parts.size > 0 && typeof routeBy === 'string') parts.add(routeBy)
  return { space, name: member, seenAtMs, rules, parts: [...parts] }
}

function rulesOf(text: string): InspectedLimiter['rules'] {
  try {
    const { rules } = parsedOptions(text) as { readonly rules: readonly LimiterRule[] }
    return parseRules(rules).map((rule) => ({ ...ruleInfo(rule), shadow: rule.shadow, per: rule.per }))
  } catch {
    // Another version of penknife, or another program, wrote them.
    return []
  }
}

import type { LimiterRuleInfo } from '@penknife/core'

import { count, duration } from '../../lib/format.ts'

/** `100 in 1 min, sliding-counter`; for a concurrency rule `5 at once`. */
export function ruleText({ algorithm, limit, windowMs, burst }: LimiterRuleInfo): string {
  if (algorithm === 'concurrency') return `${count(limit)} at once`
  const window = windowMs === undefined ? 'a calendar period' : duration(windowMs)
  return `${count(limit)} in ${window}, ${algorithm}${burst === limit ? '' : `, burst ${count(burst)}`}`
}

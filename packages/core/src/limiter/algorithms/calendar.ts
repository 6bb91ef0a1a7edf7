import { checkCalendar, periodAt } from '../../calendar.ts'
import { invalid } from '../../errors.ts'
import { type KnownRule, limitOf, type RuleHead, stateId } from '../rule.ts'
import type { CalendarRule } from '../rule-types.ts'
import { countedUntil } from './fixed-window.ts'

/** A calendar rule, with the name of its period. */
export interface Calendar extends KnownRule {
  readonly letter: 'c'
  /** Such as `day of Europe/Berlin`. */
  readonly period: string
}

/** A fixed window that is a calendar period. Lua knows no time zones, so the client sends two periods. */
export function calendar(head: RuleHead, rule: CalendarRule): Calendar {
  const limit = limitOf(rule)
  const { calendar: unit, timeZone } = rule
  if (typeof timeZone !== 'string') {
    // Intl would use the time zone of this process, and other processes may have another one.
    throw invalid(`rule '${head.name}' timeZone`, timeZone, "give an IANA time zone such as 'UTC'")
  }
  checkCalendar(`rule '${head.name}'`, unit, timeZone)
  return {
    ...head,
    algorithm: 'fixed-window',
    limit,
    windowMs: undefined,
    burst: limit,
    letter: 'c',
    id: stateId('c', head.name),
    most: limit,
    period: `${unit} of ${timeZone}`,
    parameters(nowMs) {
      const present = periodAt(unit, timeZone, nowMs)
      const next = periodAt(unit, timeZone, present.endMs)
      return [limit, present.startMs * 1000, present.endMs * 1000, next.endMs * 1000]
    },
    ...countedUntil(limit),
  }
}

import type { WorkerLimiter } from './limit-types.ts'

/** When denied entries of a subject come back. */
export interface Pace {
  /** Milliseconds until the last of those that this process has set aside. */
  readonly behindMs: number
  /** Milliseconds between two of them. */
  readonly paceMs: number
}

/** Spreads the entries that a limiter denied over time, by subject. */
export interface LimitPace {
  of(subject: string): Pace
  /** For how long to set an entry aside that a rule denied; undefined: a block denied it. */
  waitOf(subject: string, retryAfterMs: number, rule: string | undefined): number
  /** An entry was set aside for that time. */
  aside(subject: string, ms: number, rule: string | undefined): void
  /** An entry was allowed. */
  allowed(subject: string): void
}

/** An entry is tried again after this time at the latest, because the limiter may allow it earlier than it said, such as after `unblock`. */
const LONGEST_MS = 60_000
/** A slot of a concurrency rule may become free at any time. */
const SLOT_MS = 200
/** Entries that find no room before come back in this part of that time, not all at once. */
const SPREAD_MS = 15_000
/** Distances of the spread: a number that has no common factor with it. */
const STEP_MS = 1009
/**
 * Entries come back faster than the tokens of the rule by this factor, because one that comes a little too early is denied again and goes
 * to the end: without it, tokens would be left.
 */
const FASTER = 0.8
/** Most subjects that are known. */
const MOST_SUBJECTS = 10_000

/**
 * The denied entries of a subject come back one after the other: each gets the next time at the pace of the rule that denied it. So a long
 * backlog costs one take and one move for each entry and minute, and a rule never waits for entries. A concurrency rule has no pace: the more
 * entries it denied since it allowed one, the longer the next one waits.
 */
export function createLimitPace(rules: WorkerLimiter['rules']): LimitPace {
  /** By subject, by the clock of `performance.now()`. */
  const known = new Map<string, { until: number; paceMs: number }>()
  const paces = new Map(
    rules.map(({ name, limit = 0, windowMs = 0 }) => [name, limit > 0 ? (windowMs / limit) * FASTER : 0]),
  )
  const slots = new Set(rules.filter(({ algorithm }) => algorithm === 'concurrency').map(({ name }) => name))
  /** Of rules with slots, how many entries of a subject were denied since one was allowed. */
  const denied = new Map<string, number>()
  const fastest = Math.min(...[...paces.values()].filter((ms) => ms > 0), LONGEST_MS)
  let spread = 0

  return {
    of(subject) {
      const found = known.get(subject)
      if (!found) return { behindMs: 0, paceMs: paces.size > 0 ? fastest : 0 }
      return { behindMs: Math.max(0, found.until - performance.now()), paceMs: found.paceMs }
    },
    waitOf(subject, retryAfterMs, rule) {
      const least = Math.max(1, retryAfterMs)
      if (rule === undefined) return Math.ceil(Math.min(least, LONGEST_MS))
      if (slots.has(rule)) {
        const next = Math.min(least, SLOT_MS) * ((denied.get(subject) ?? 0) + 1)
        return Math.round(Math.min(next, LONGEST_MS))
      }
      const ms = Math.max(least, (known.get(subject)?.until ?? 0) - performance.now())
      if (ms <= LONGEST_MS) return Math.ceil(ms)
      spread = (spread + STEP_MS) % SPREAD_MS
      return LONGEST_MS - spread
    },
    aside(subject, ms, rule) {
      if (rule === undefined) return
      if (slots.has(rule)) {
        setNewest(denied, subject, (denied.get(subject) ?? 0) + 1)
        return
      }
      const now = performance.now()
      const paceMs = paces.get(rule) ?? 0
      // Those beyond the longest time get places when the present ones have come back.
      const until = Math.max(known.get(subject)?.until ?? 0, Math.min(now + ms + paceMs, now + LONGEST_MS))
      setNewest(known, subject, { until, paceMs })
    },
    allowed(subject) {
      denied.delete(subject)
    },
  }
}

/** Forgets the subject that was denied the longest time ago when there are too many. */
function setNewest<Value>(of: Map<string, Value>, subject: string, value: Value): void {
  of.delete(subject)
  if (of.size >= MOST_SUBJECTS) of.delete(of.keys().next().value as string)
  of.set(subject, value)
}

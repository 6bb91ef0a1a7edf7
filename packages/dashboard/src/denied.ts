import { type LimiterDecisionEvent, type LimiterSubject, type Penknife } from '@penknife/core'

import type { DeniedAnswer } from './api-types.ts'

/** Counters: more subjects than that share them, see `count`. */
const COUNTERS = 500
const SHOWN = 50
/** Counts of this time are shown, and those of the one before. */
const SLICE_MS = 150_000
/** It ends so long after the last read. */
const UNUSED_MS = 600_000
const LONGEST_SUBJECT = 1000

interface Counter {
  readonly space: string
  readonly limiter: string
  readonly subject: LimiterSubject
  count: number
  tooMany: number
  rule: string | undefined
  lastAtMs: number
}

/**
 * The most denied subjects, as this process saw it: it counts only after somebody asked, and ends ten minutes after the last question. Then a limiter
 * pays nothing for it.
 */
export interface Denied {
  read(space: string | undefined, limiter: string | undefined): DeniedAnswer
  close(): void
}

/**
 * The Space-Saving algorithm (Metwally, Agrawal, El Abbadi, 2005): a subject without a counter takes the one with the smallest count, and that count
 * as its error. A subject with more than 1/500 of all denials always has a counter.
 */
export function createDenied(penknife: Penknife): Denied {
  let now = new Map<string, Counter>()
  let before = new Map<string, Counter>()
  let sliceAt = 0
  let sinceMs = 0
  let end: (() => void) | undefined
  let timer: NodeJS.Timeout | undefined

  function turn(): void {
    const at = performance.now()
    if (at - sliceAt < SLICE_MS) return
    before = at - sliceAt < 2 * SLICE_MS ? now : new Map()
    now = new Map()
    sliceAt = at
  }

  function denied({ space, name: limiter, subject, decision }: LimiterDecisionEvent): void {
    if (decision.allowed) return
    turn()
    const key = JSON.stringify([space, limiter, subject])
    if (key.length > LONGEST_SUBJECT) return
    let counter = now.get(key)
    if (!counter) {
      const least = now.size < COUNTERS ? undefined : smallest(now)
      if (least) now.delete(least[0])
      const tooMany = least?.[1].count ?? 0
      counter = { space, limiter, subject, count: tooMany, tooMany, rule: undefined, lastAtMs: 0 }
      now.set(key, counter)
    }
    counter.count += 1
    counter.rule = decision.blocked ? undefined : decision.rule
    counter.lastAtMs = Date.now()
  }

  function close(): void {
    clearTimeout(timer)
    end?.()
    end = undefined
    now = new Map()
    before = new Map()
  }

  function begin(): void {
    clearTimeout(timer)
    timer = setTimeout(close, UNUSED_MS).unref()
    if (end) return
    sinceMs = Date.now()
    sliceAt = performance.now()
    end = penknife.space('inspect').runtime.taps.on('penknife:limiter', denied)
  }

  return {
    read(space, limiter) {
      begin()
      turn()
      const sums = new Map<string, Counter>()
      for (const [key, counter] of [...before, ...now]) {
        const { count, tooMany } = sums.get(key) ?? { count: 0, tooMany: 0 }
        sums.set(key, { ...counter, count: counter.count + count, tooMany: counter.tooMany + tooMany })
      }
      const items = [...sums.values()]
        .filter(
          (counter) =>
            (space === undefined || counter.space === space) &&
            (limiter === undefined || counter.limiter === limiter),
        )
        .toSorted((a, b) => b.count - a.count)
        .slice(0, SHOWN)
        .map(({ tooMany, rule, ...counter }) => ({
          ...counter,
          atMostTooMany: tooMany,
          ...(rule === undefined ? {} : { rule }),
        }))
      return { sinceMs, overMs: 2 * SLICE_MS, items }
    },
    close,
  }
}

function smallest(counters: ReadonlyMap<string, Counter>): readonly [string, Counter] | undefined {
  let found: readonly [string, Counter] | undefined
  for (const each of counters) if (!found || each[1].count < found[1].count) found = each
  return found
}

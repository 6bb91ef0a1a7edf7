import type { BoardWindow, BoardCalendarWindow, BoardRollingWindow } from '@penknife/core'
import { durationMs } from '@penknife/core/internal'

import { periodAfter, periodBefore, periodOf } from './calendar.ts'
import type { Standing } from './ranking.ts'

/** An increment that was counted, as a window that may give it back must know it. */
export interface Counted {
  readonly member: string
  readonly by: number
  readonly atMs: number
  /** Which increment of the board it is, in order. */
  readonly nth: number
}

/** A window as plain maps and lists over all of time. Nothing is ever deleted. */
export interface WindowModel {
  /** Standings at a moment, of the period so many before the present one. */
  standings(nowMs: number, previous?: number): Iterable<Standing>
  score(member: string, nowMs: number): number | null
  /** Gives a member a score. */
  put(member: string, score: number, nowMs: number): void
  add(increment: Counted, nowMs: number): void
  /** The score that there would be without an increment; null when it does not count any more. */
  without(increment: Counted, nowMs: number): number | null
  /** Takes an increment back, wherever it still counts. */
  takeBack(increment: Counted, nowMs: number): void
  /** Takes a member off every period that can be read, and the next one. */
  drop(member: string, nowMs: number): void
  /** Ends a season: its standings, which are then gone. Earlier increments do not count in the period any more. */
  end(nowMs: number, previous: number, nth: number): readonly Standing[]
  /** Takes all members off every period that can be read, and the next one. */
  clear(nowMs: number, nth: number): void
  /** Takes a member off the present period. */
  fallOff(member: string, nowMs: number): void
}

/** How a board adds, and in which unit of time it orders ties. */
export interface Arithmetic {
  plus(a: number, b: number): number
  unitAt(atMs: number): number
}

export function windowModel(window: BoardWindow, arithmetic: Arithmetic): WindowModel {
  if (window === 'all-time') return periods(() => 'all', undefined, arithmetic)
  if ('calendar' in window) return periods((atMs) => periodOf(window, atMs), window, arithmetic)
  return rolling(window, arithmetic)
}

/** Boards of periods, each a map; all-time is one period. */
function periods(
  nameAt: (atMs: number) => string,
  calendar: BoardCalendarWindow | undefined,
  { plus, unitAt }: Arithmetic,
): WindowModel {
  const boards = new Map<string, Map<string, Standing>>()
  /** The number of the first increment that counts in a period again. */
  const reopened = new Map<string, number>()
  const ended = ({ atMs, nth }: Counted): boolean => nth < (reopened.get(nameAt(atMs)) ?? 0)
  /** The periods that are not yet deleted, which can be read again when the clock is set back, and the next one. */
  function namesAt(nowMs: number): readonly string[] {
    const names = [nameAt(nowMs)]
    if (calendar) {
      names.push(periodAfter(calendar, nowMs))
      for (let back = 1; back <= (calendar.previous ?? 1) + 2; back++)
        names.push(periodBefore(calendar, nowMs, back))
    }
    return names
  }
  function boardAt(atMs: number): Map<string, Standing> {
    const name = nameAt(atMs)
    const board = boards.get(name) ?? new Map<string, Standing>()
    boards.set(name, board)
    return board
  }
  return {
    standings(nowMs, previous = 0) {
      const name = calendar && previous > 0 ? periodBefore(calendar, nowMs, previous) : nameAt(nowMs)
      return boards.get(name)?.values() ?? []
    },
    score: (member, nowMs) => boardAt(nowMs).get(member)?.score ?? null,
    put: (member, score, nowMs) => void boardAt(nowMs).set(member, { member, score, reached: unitAt(nowMs) }),
    add({ member, by }, nowMs) {
      const board = boardAt(nowMs)
      const before = board.get(member)
      const score = plus(before?.score ?? 0, by)
      if (before?.score !== score) board.set(member, { member, score, reached: unitAt(nowMs) })
    },
    without(increment) {
      const { member, by, atMs } = increment
      if (ended(increment)) return null
      const before = boardAt(atMs).get(member)
      return before ? plus(before.score, -by) : null
    },
    takeBack(increment, nowMs) {
      const { member, by, atMs } = increment
      if (ended(increment)) return
      const board = boardAt(atMs)
      const before = board.get(member)
      if (before && by !== 0) {
        board.set(member, { member, score: plus(before.score, -by), reached: unitAt(nowMs) })
      }
    },
    drop(member, nowMs) {
      for (const name of namesAt(nowMs)) boards.get(name)?.delete(member)
    },
    end(nowMs, previous, nth) {
      const name = calendar && previous > 0 ? periodBefore(calendar, nowMs, previous) : nameAt(nowMs)
      const standings = [...(boards.get(name)?.values() ?? [])]
      boards.delete(name)
      if (previous === 0) reopened.set(name, nth)
      return standings
    },
    clear(nowMs, nth) {
      for (const name of namesAt(nowMs)) boards.delete(name)
      reopened.set(nameAt(nowMs), nth)
    },
    fallOff: (member, nowMs) => void boardAt(nowMs).delete(member),
  }
}

interface Entry {
  readonly member: string
  readonly beganMs: number
  /** The number of its first increment. */
  readonly nth: number
  amount: number
  /** When it was put on, and when some of it was taken back, in order: each changed the score. */
  readonly changes: { readonly atMs: number; readonly nth: number; readonly by: number }[]
}

/** A list of entries that expire one after the other. Sums are computed from it each time. */
function rolling({ last, tolerance = 0 }: BoardRollingWindow, { plus, unitAt }: Arithmetic): WindowModel {
  const lastMs = durationMs('last', last)
  const toleranceMs = durationMs('tolerance', tolerance, { min: 0 })
  let entries: Entry[] = []
  let changes = 0
  const counts = (entry: Entry, nowMs: number): boolean => entry.beganMs + lastMs > nowMs
  /** The entry that an increment at this moment is added to. */
  const openAt = (member: string, atMs: number): Entry | undefined =>
    entries.findLast(
      (entry) => entry.member === member && entry.beganMs <= atMs && atMs < entry.beganMs + toleranceMs,
    )
  function change(entry: Entry, by: number, atMs: number): void {
    entry.amount = plus(entry.amount, by)
    entry.changes.push({ atMs, nth: changes++, by })
  }

  /** The entry of an increment that is still in the window. */
  function entryOf({ member, by, atMs, nth }: Counted, nowMs: number): Entry | undefined {
    if (by === 0) return undefined
    const entry =
      toleranceMs === 0
        ? entries.find((each) => each.nth === nth && each.amount === by)
        : openAt(member, atMs)
    return entry && entry.nth <= nth && counts(entry, nowMs) ? entry : undefined
  }

  /** The score of a member, and when it reached it: all changes in their order, expiries first. */
  function standing(member: string, nowMs: number): Standing | undefined {
    const moments = entries
      .flatMap((entry) => {
        if (entry.member !== member) return []
        const leaving = { atMs: entry.beganMs + lastMs, nth: -1, by: -entry.amount }
        return counts(entry, nowMs) ? entry.changes : [...entry.changes, leaving]
      })
      .toSorted((a, b) => a.atMs - b.atMs || a.nth - b.nth)
    let score = 0
    let reached = 0
    for (const { atMs, by } of moments) {
      if (by !== 0) reached = unitAt(atMs)
      score = plus(score, by)
    }
    return score === 0 ? undefined : { member, score, reached }
  }
  function* standings(nowMs: number): Generator<Standing> {
    for (const member of new Set(entries.map((entry) => entry.member))) {
      const found = standing(member, nowMs)
      if (found) yield found
    }
  }
  return {
    standings,
    score: (member, nowMs) => standing(member, nowMs)?.score ?? null,
    put() {
      throw new Error('a rolling window takes increments only')
    },
    add({ member, by, nth }, nowMs) {
      if (by === 0) return
      // What left before changes nothing any more: neither the sum nor, after this change, its time.
      entries = entries.filter((each) => each.member !== member || counts(each, nowMs))
      let entry = openAt(member, nowMs)
      if (!entry) entries.push((entry = { member, beganMs: nowMs, nth, amount: 0, changes: [] }))
      change(entry, by, nowMs)
    },
    without(increment, nowMs) {
      const entry = entryOf(increment, nowMs)
      const { member, by } = increment
      return entry ? plus(standing(member, nowMs)?.score ?? 0, -by) : null
    },
    takeBack(increment, nowMs) {
      const entry = entryOf(increment, nowMs)
      if (entry) change(entry, -increment.by, nowMs)
    },
    drop(member) {
      entries = entries.filter((entry) => entry.member !== member)
    },
    end() {
      throw new Error('a rolling window has no seasons')
    },
    clear() {
      entries = []
    },
    fallOff() {
      throw new Error('a bounded board has no rolling windows')
    },
  }
}

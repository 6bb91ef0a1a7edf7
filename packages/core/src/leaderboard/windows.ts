import { type Period, periodAt } from '../calendar.ts'
import type { Settings, Window } from './options.ts'

/** Keys, and the plan that tells a script what they are: see lua/_lib/leaderboard/board.lua. */
export interface Layout {
  readonly keys: readonly string[]
  readonly plan: string
  /** The time for which it was made, in milliseconds since 1970: from the first on, before the second. */
  readonly period: Period
}

/** Which calendar periods are meant: the present and the next, `previous` before them, or only that of a time. */
export type When = { readonly nowMs: number; readonly previous?: number } | { readonly atMs: number }

/** The key of a part of the board; none: of its all-time window. */
export type KeyOf = (...part: readonly string[]) => string

/** Always: what has no calendar window is laid out once. */
const ALWAYS: Period = { startMs: -Infinity, endMs: Infinity }

/** For how much longer than it can be read a calendar period is kept, so that clocks may differ a little. */
const SLACK_MS = 3_600_000

/** Periods that cannot be read any more and have not yet expired, at the most: they may be shorter than the slack. */
const EXPIRING = 2

export interface Layouts {
  /** Every window, for updates, and what belongs to them. */
  update(when: When): Layout
  /** One window, for reads. */
  read(window: Window, when: When): Layout
  /** Every window with its previous periods, to remove a member. */
  remove(nowMs: number): Layout
}

export function createLayouts(settings: Settings, keyOf: KeyOf): Layouts {
  const { ties, limit, dense, keep, remember, events, windows } = settings

  function lay(chosen: readonly Window[], when: When, former: boolean, whole: boolean): Layout {
    const keys: string[] = []
    const place = (...part: readonly string[]): number => keys.push(keyOf(...part))
    const sets = (parts: readonly (readonly string[])[]): object => ({
      z: parts.map((part) => place(...part)),
      d: dense ? parts.map((part) => place(...(part.length > 0 ? part : ['all']), 'scores')) : undefined,
    })
    let period = ALWAYS
    const formerSets: object[] = []
    const planned = chosen.map((window) => {
      if (window.kind === 'all-time') return sets([[]])
      const part = ['window', window.name]
      if (window.kind === 'rolling') {
        return {
          ...sets([part]),
          log: place(...part, 'log'),
          gone: place(...part, 'gone'),
          parts: window.grain > 0 ? place(...part, 'parts') : undefined,
          last: window.last,
          grain: window.grain > 0 ? window.grain : undefined,
        }
      }
      const of = ({ startMs }: Period): readonly string[] => [...part, nameOf(startMs)]
      const at = (ms: number): Period => periodAt(window.unit, window.timeZone, ms)
      if ('atMs' in when) return sets([of(at(when.atMs))])
      const present = at(when.nowMs)
      const next = at(present.endMs)
      if (present.endMs < period.endMs) period = { startMs: -Infinity, endMs: present.endMs }
      if (former) {
        for (const { startMs } of back(window, present, window.previous + EXPIRING)) {
          formerSets.push([
            place(...part, nameOf(startMs)),
            dense ? place(...part, nameOf(startMs), 'scores') : 0,
          ])
        }
      }
      const [first, second] = [present, next].map(
        (from) => back(window, from, when.previous ?? 0).at(-1) as Period,
      )
      return {
        ...sets([of(first as Period), of(second as Period)]),
        start: present.startMs * 1000,
        next: present.endMs * 1000,
        finish: next.endMs * 1000,
        lives: whole ? [present, next].map((from) => lifeOf(window, from) * 1000) : undefined,
      }
    })
    const plan = JSON.stringify({
      ...ties,
      limit,
      windows: planned,
      keep,
      data: place('data'),
      ...(whole && remember !== undefined
        ? { ids: place('ids'), idlog: place('idlog'), remember }
        : undefined),
      events:
        whole && events
          ? { ...events, window: windows.findIndex(({ name }) => name === events.window) + 1 }
          : undefined,
      former: former ? formerSets : undefined,
    })
    return { keys, plan, period }
  }

  return {
    update: (when) => lay(windows, when, false, true),
    read: (window, when) => lay([window], when, false, false),
    remove: (nowMs) => lay(windows, { nowMs }, true, true),
  }
}

type Calendar = Extract<Window, { readonly kind: 'calendar' }>

/** A period and as many before it. */
function back({ unit, timeZone }: Calendar, from: Period, count: number): readonly Period[] {
  const periods = [from]
  for (let at = 0; at < count; at++)
    periods.push(periodAt(unit, timeZone, (periods.at(-1) as Period).startMs - 1))
  return periods
}

/** When a period's keys are no more wanted: as many periods after its end as stay readable. */
function lifeOf({ unit, timeZone, previous }: Calendar, period: Period): number {
  let end = period.endMs
  for (let at = 0; at < previous; at++) end = periodAt(unit, timeZone, end).endMs
  return end + SLACK_MS
}

/** A period's name in keys: when it began, such as 20261122T230000Z. */
function nameOf(startMs: number): string {
  return new Date(startMs).toISOString().replace(/[-:]|\.\d+/g, '')
}

import { type Period, periodIn } from '../calendar.ts'
import type { Settings, Window } from './options.ts'

/** Keys, and the plan that describes them to a script: see lua/_lib/leaderboard/board.lua. */
export interface Layout {
  readonly keys: readonly string[]
  readonly plan: string
  /** When the layout is valid. */
  readonly period: Period
}

/** Which calendar periods: the current and the next, both moved back by `previous`, or only that of a time. */
export type When = { readonly nowMs: number; readonly previous?: number } | { readonly atMs: number }

/** The key of a part of the board; without a part that of its all-time window. */
export type KeyOf = (...part: readonly string[]) => string

/** The layout of a board without calendar windows is always valid. */
const ALWAYS: Period = { startMs: -Infinity, endMs: Infinity }

/** How much longer than necessary a calendar period is stored, so that clocks may differ a little; periods of minutes less. */
const SLACK_MS = 3_600_000

/** The most periods that are not readable any more and have not yet expired: an hour may be shorter than the slack. */
const EXPIRING = 2

export interface Layouts {
  /** All keys for updates: every window, data and ids. */
  update(when: When): Layout
  /** The keys of one window, for reads. */
  read(window: Window, when: When): Layout
  /** All keys of a removal: every window, or one of them, with its previous periods. */
  remove(nowMs: number, only?: Window): Layout
  /** The keys of one window, and those of a season of it. */
  season(window: Window, id: string, when: When): Layout
}

/** @param live the pub/sub channel of changes, for a board with `live` */
export function createLayouts(settings: Settings, keyOf: KeyOf, live?: string): Layouts {
  const { ties, limit, dense, keep, dedupWindow, events, windows } = settings

  function layOut(
    chosen: readonly Window[],
    when: When,
    former: boolean,
    whole: boolean,
    season?: string,
  ): Layout {
    const keys: string[] = []
    const place = (...part: readonly string[]): number => keys.push(keyOf(...part))
    const sets = (parts: readonly (readonly string[])[]): object => ({
      z: parts.map((part) => place(...part)),
      d: dense ? parts.map((part) => place(...(part.length > 0 ? part : ['all']), 'scores')) : undefined,
    })
    let period = ALWAYS
    const formerSets: object[] = []
    const planned = chosen.map((window) => {
      // The field that says that a season of this period has ended, for undos.
      const endedIn = (startMs: number): string => `s${window.name} ${startMs * 1000}`
      if (window.kind === 'all-time') return { ...sets([[]]), ended: 'atMs' in when ? endedIn(0) : undefined }
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
      const at = (ms: number): Period => periodIn(window, ms)
      if ('atMs' in when) {
        const then = at(when.atMs)
        return { ...sets([of(then)]), ended: endedIn(then.startMs) }
      }
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
      reverse: settings.reverse || undefined,
      limit,
      windows: planned,
      keep,
      data: place('data'),
      ...(whole && dedupWindow !== undefined
        ? { ids: place('ids'), idlog: place('idlog'), dedup: dedupWindow }
        : undefined),
      events:
        whole && events
          ? { ...events, window: windows.findIndex(({ name }) => name === events.window) + 1 }
          : undefined,
      former: former ? formerSets : undefined,
      live: whole || season !== undefined ? live : undefined,
      season:
        season === undefined
          ? undefined
          : [
              place('seasons'),
              place('season', season),
              place('season', season, 'all', 'scores'),
              place('ids'),
              place('idlog'),
            ],
    })
    return { keys, plan, period }
  }

  return {
    update: (when) => layOut(windows, when, false, true),
    read: (window, when) => layOut([window], when, false, false),
    remove: (nowMs, only) => layOut(only ? [only] : windows, { nowMs }, true, true),
    season: (window, id, when) => layOut([window], when, false, false, id),
  }
}

type CalendarWindow = Extract<Window, { readonly kind: 'calendar' }>

/** A period and `count` periods before it. */
function back(window: CalendarWindow, from: Period, count: number): readonly Period[] {
  const periods = [from]
  for (let at = 0; at < count; at++) periods.push(periodIn(window, (periods.at(-1) as Period).startMs - 1))
  return periods
}

/** When a period's keys expire: as many periods after its end as stay readable, and the slack. */
function lifeOf(window: CalendarWindow, period: Period): number {
  let end = period.endMs
  for (let at = 0; at < window.previous; at++) end = periodIn(window, end).endMs
  return end + (window.unit === 'minute' ? window.every * 60_000 : SLACK_MS)
}

/** A period's name in keys: its start, such as 20261122T230000Z. */
function nameOf(startMs: number): string {
  return new Date(startMs).toISOString().replace(/[-:]|\.\d+/g, '')
}

import type { BoardUpdate, BoardFirstComeTies, LeaderboardOptions, BoardScoreChange } from '@penknife/core'
import { durationMs } from '@penknife/core/internal'

import { Ranking, type Standing } from './ranking.ts'
import { type Counted, windowModel, type WindowModel } from './windows.ts'

/** An update that a board must refuse, having done nothing. */
export class Refused extends Error {}

/** The largest score of a board in units of the last digit, as documented in the types. */
export function maxScoreOf({ ties = 'member', decimals = 0 }: LeaderboardOptions): number {
  if (typeof ties === 'string') return (2 ** 53 - 1) / 10 ** decimals
  const units = Math.floor((ms(ties.until) - ms(ties.since)) / unitMs(ties)) + 1
  return (2 ** 53 / 2 ** Math.ceil(Math.log2(units)) - 1) / 10 ** decimals
}

const ms = (moment: Date | string): number => new Date(moment).getTime()
const unitMs = (ties: BoardFirstComeTies): number => durationMs('unit', ties.unit ?? '1s')

interface Remembered extends Counted {
  state: 'counted' | 'undone' | 'removed'
}

/** A season that ended. */
interface Season {
  readonly window: string
  readonly ranking: Ranking
  readonly data: ReadonlyMap<string, unknown>
}

/** The result of an update: the change in one window or the score in the first one, and its events. */
export interface Outcome {
  readonly change: BoardScoreChange
  readonly value: number
  /** Without the board's name. */
  readonly events: readonly object[]
}

/** A leaderboard as plain maps and lists, made only from the promises of the documentation. */
export class BoardModel {
  nowMs = 0
  readonly windows: ReadonlyMap<string, WindowModel>
  readonly #options: LeaderboardOptions
  readonly #data = new Map<string, unknown>()
  readonly #ids = new Map<string, Remembered>()
  #nth = 0
  readonly seasons = new Map<string, Season>()

  constructor(options: LeaderboardOptions) {
    this.#options = options
    const windows = options.windows ?? { all: 'all-time' as const }
    const { ties = 'member' } = options
    const arithmetic = {
      plus: (a: number, b: number) => this.#plus(a, b),
      unitAt: (atMs: number) =>
        typeof ties === 'string' ? 0 : Math.floor((atMs - ms(ties.since)) / unitMs(ties)),
    }
    this.windows = new Map(
      Object.entries(windows).map(([name, window]) => [name, windowModel(window, arithmetic)]),
    )
  }

  get first(): string {
    return [...this.windows.keys()][0] as string
  }

  ranking(window: string = this.first, previous: number = 0): Ranking {
    return this.#rank(this.#window(window).standings(this.nowMs, previous))
  }

  /** The sum of all scores. */
  sum(window: string, previous: number): number {
    return this.ranking(window, previous).sum((a, b) => this.#plus(a, b))
  }

  /** Makes updates in their order, all or none. Answers with the change of each in one window. */
  update(updates: readonly BoardUpdate[], window: string = this.first): Outcome[] {
    this.#check(updates)
    return updates.map((update) => this.#apply(update, window))
  }

  undo(id: string): boolean {
    const remembered = this.#recall(id)
    if (remembered?.state !== 'counted') return false
    const limit = this.#limit
    let counts = false
    for (const [name, window] of this.windows) {
      const without = window.without(remembered, this.nowMs)
      if (Math.abs(without ?? 0) > limit) throw new Refused(`${name}, by an undo`)
      if (without !== null && remembered.by !== 0) counts = true
    }
    if (!counts) return false
    remembered.state = 'undone'
    for (const window of this.windows.values()) {
      window.takeBack(remembered, this.nowMs)
    }
    return true
  }

  remove(member: string): boolean {
    const present = [...this.windows.keys()].some((name) => this.ranking(name).find(member))
    for (const window of this.windows.values()) window.drop(member, this.nowMs)
    for (const remembered of this.#ids.values()) {
      if (remembered.member === member && remembered.state === 'counted') remembered.state = 'removed'
    }
    this.#data.delete(member)
    return present
  }

  /** Ends a season, once. */
  endSeason(id: string, window: string, previous: number): object {
    const kind = this.#options.windows?.[window]
    if (typeof kind === 'object' && 'last' in kind) throw new Refused('a rolling window')
    const known = this.seasons.get(id)
    if (known) return { id, window: known.window, members: known.ranking.standings.length, repeated: true }
    const standings = this.#window(window).end(this.nowMs, previous, this.#nth)
    const ranking = this.#rank(standings)
    const data = new Map(standings.map(({ member }) => [member, this.dataOf(member)]))
    this.seasons.set(id, { window, ranking, data })
    return { id, window, members: standings.length, repeated: false }
  }

  /** The final ranking of a season. */
  season(id: string): readonly object[] {
    const { ranking, data } = this.seasons.get(id) ?? { ranking: new Ranking([], false), data: new Map() }
    return ranking.rows().map((row) => ({ ...row, data: data.get(row.member) ?? null }))
  }

  clear(only: string | undefined): void {
    const names = only === undefined ? [...this.windows.keys()] : [only]
    for (const name of names) this.#window(name).clear(this.nowMs, this.#nth)
    if (only === undefined) {
      this.#data.clear()
      this.#ids.clear()
    }
  }

  describe(member: string, data: unknown): void {
    if (data === null) this.#data.delete(member)
    else this.#data.set(member, data)
  }

  dataOf(member: string): unknown {
    return this.#data.get(member) ?? null
  }

  /** What is known of an id, for as long as ids are remembered. */
  #recall(id: string): Remembered | undefined {
    const found = this.#ids.get(id)
    const { dedup: { window } = { window: 0 } } = this.#options
    return found && this.nowMs - found.atMs < durationMs('dedup window', window) ? found : undefined
  }

  #rank(standings: Iterable<Standing>): Ranking {
    return new Ranking(standings, this.#ascending, this.#options.ties === 'member-descending' ? -1 : 1)
  }

  get #ascending(): boolean {
    return this.#options.order === 'ascending'
  }

  /** Scores of these boards are whole numbers of their last digit. */
  get #whole(): boolean {
    const { ties = 'member', decimals, windows = {} } = this.#options
    return (
      typeof ties === 'object' ||
      decimals !== undefined ||
      Object.keys(windows).some((name) => this.#rolls(name))
    )
  }

  get #limit(): number {
    return this.#whole ? maxScoreOf(this.#options) : Number.MAX_VALUE
  }

  #plus(a: number, b: number): number {
    if (!this.#whole) return a + b
    const scale = 10 ** (this.#options.decimals ?? 0)
    return (Math.round(a * scale) + Math.round(b * scale)) / scale
  }

  #rolls(name: string): boolean {
    const window = this.#options.windows?.[name]
    return typeof window === 'object' && 'last' in window
  }

  #window(name: string): WindowModel {
    return this.windows.get(name) as WindowModel
  }

  #isBetter(score: number, than: number | null): boolean {
    return than === null || (this.#ascending ? score < than : score > than)
  }

  /** Throws before anything is done when one of the updates leads out of the range. */
  #check(updates: readonly BoardUpdate[]): void {
    const { ties = 'member' } = this.#options
    const limit = this.#limit
    if (typeof ties === 'object' && (this.nowMs < ms(ties.since) || this.nowMs > ms(ties.until))) {
      throw new Refused('outside of the time that counts')
    }
    const fits = (score: number): boolean => Math.abs(score) <= limit
    const seen = new Set<string>()
    const scores = new Map<string, number>()
    for (const update of updates) {
      const amount = 'increment' in update ? update.increment : 'set' in update ? update.set : update.best
      if (Math.abs(amount) > limit) throw new Refused('no such score')
      const known =
        'id' in update && update.id !== undefined && (this.#recall(update.id) || seen.has(update.id))
      if (known) continue
      if ('id' in update && update.id !== undefined) seen.add(update.id)
      for (const [name, window] of this.windows) {
        const key = `${name} ${update.member}`
        const before = scores.get(key) ?? window.score(update.member, this.nowMs)
        const after = this.#after(update, before)
        if (!fits(after)) throw new Refused(`${name} would be ${after}`)
        scores.set(key, after)
      }
    }
  }

  #after(update: BoardUpdate, before: number | null): number {
    if ('increment' in update) return this.#plus(before ?? 0, update.increment)
    if ('set' in update) return update.set
    return this.#isBetter(update.best, before) ? update.best : (before as number)
  }

  #apply(update: BoardUpdate, watched: string): Outcome {
    const { member } = update
    const known = 'id' in update && update.id !== undefined && this.#recall(update.id) !== undefined
    const was = this.#window(this.first).score(member, this.nowMs)
    const value = known ? (was ?? 0) : this.#after(update, was)
    const { window: reported = this.first, top = 0, overtaken = 0 } = this.#options.events ?? {}
    const before = this.ranking(watched).find(member)
    const ranked = this.ranking(reported)
    const applied = this.#count(update, watched)
    const after = this.ranking(watched).find(member)
    const change = {
      member,
      window: watched,
      previousScore: before?.score ?? null,
      score: after?.score ?? null,
      previousRank: before?.rank ?? null,
      rank: after?.rank ?? null,
      applied,
    }
    const events = this.#options.events
      ? changesOf(member, ranked, this.ranking(reported), top, overtaken)
      : []
    return { change, value, events: events.map((event) => ({ ...event, window: reported })) }
  }

  /** Counts an update in every window; whether it counted in the one that is watched. */
  #count(update: BoardUpdate, watched: string): boolean {
    const { member } = update
    const id = 'id' in update ? update.id : undefined
    if (id !== undefined && this.#recall(id)) return false
    const { nowMs } = this
    const nth = this.#nth++
    if ('increment' in update) {
      const counted = { member, by: update.increment, atMs: nowMs, nth }
      if (id !== undefined) this.#ids.set(id, { ...counted, state: 'counted' })
      for (const window of this.windows.values()) window.add(counted, nowMs)
      return true
    }
    let applied = true
    for (const [name, window] of this.windows) {
      const before = window.score(member, nowMs)
      const score = this.#after(update, before)
      if ('best' in update && !this.#isBetter(update.best, before)) {
        if (name === watched) applied = false
      } else if (score !== before) window.put(member, score, nowMs)
    }
    this.#trim()
    return applied
  }

  /** Removes members beyond the bound, and the data of members that are in no window. */
  #trim(): void {
    const { keep = Infinity } = this.#options
    const fallen = new Set<string>()
    for (const window of this.windows.values()) {
      const ranking = this.#rank(window.standings(this.nowMs))
      for (const { member } of ranking.standings.slice(keep)) {
        fallen.add(member)
        window.fallOff(member, this.nowMs)
      }
    }
    for (const member of fallen) {
      if (![...this.windows.keys()].some((name) => this.ranking(name).find(member))) this.#data.delete(member)
    }
  }
}

/** The events of an update, from the standings before and after it. */
function changesOf(
  member: string,
  before: Ranking,
  after: Ranking,
  top: number,
  overtaken: number,
): readonly object[] {
  const events: object[] = []
  const previousRank = before.find(member)?.rank ?? null
  const rank = after.find(member)?.rank ?? null
  if (previousRank !== rank) events.push({ kind: 'rank', member, previousRank, rank })
  const [best, bestNow] = [before, after].map((ranking) =>
    ranking.standings.slice(0, top).map((standing) => standing.member),
  ) as [string[], string[]]
  for (const each of bestNow.filter((one) => !best.includes(one)))
    events.push({ kind: 'entered', member: each, top })
  for (const each of best.filter((one) => !bestNow.includes(one)))
    events.push({ kind: 'left', member: each, top })
  const wasAhead = (other: string): boolean =>
    previousRank === null || (before.find(other)?.rank ?? Infinity) < previousRank
  const passed = after.rows().filter((row) => rank !== null && row.rank > rank && wasAhead(row.member))
  for (const row of passed.slice(0, overtaken))
    events.push({ kind: 'overtaken', member: row.member, by: member, rank: row.rank })
  return events
}

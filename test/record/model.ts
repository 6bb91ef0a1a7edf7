import type { BoardUpdate, LeaderboardOptions } from '@penknife/core'

import { type CounterModel, createCounterModel } from '../guard/counter-model.ts'
import { BoardModel } from '../leaderboard/model/board.ts'

/** An effect as data: its kind, whom it is about, and an amount. */
export interface Spec {
  readonly kind: Kind
  readonly who: number
  readonly by: number
}

export const KINDS = [
  'order',
  'log',
  'mixed',
  'best',
  'set',
  'tie',
  'plain',
  'limit',
  'take',
  'quota',
  'step',
  'claim',
  'event',
  'object',
] as const
export type Kind = (typeof KINDS)[number]

export const HOUR = 3_600_000
export const MINUTE = 60_000
export const MOST_ORDERS = 30
export const SEEN_MS = 10 * MINUTE
export const TARGET = 3
export const LIMIT = { limit: 8, windowMs: 10 * MINUTE }
export const START_MS = 1_800_000_000_000 - (1_800_000_000_000 % HOUR) + 50 * MINUTE

export const BOARDS = {
  mixed: {
    windows: { recent: { last: '10m' }, hour: { calendar: 'hour' }, all: 'all-time' },
    denseRanks: true,
  },
  best: { keep: 3, windows: { all: 'all-time', hour: { calendar: 'hour' } } },
  plain: { windows: { hour: { calendar: 'hour' }, all: 'all-time' }, order: 'ascending' },
  tie: {
    ties: { since: new Date(START_MS - HOUR), until: new Date(START_MS + 1000 * HOUR), unit: '1m' },
  },
} as const satisfies Record<string, LeaderboardOptions>

export const STOCK = { floor: 0, ceiling: 10, initial: 4 }
export const QUOTA = { floor: 0, ceiling: 6, initial: 0 }

export type Wanted =
  | { readonly invalid: true }
  | { readonly refused: readonly string[] }
  | { readonly repeated: boolean; readonly results: readonly unknown[] }

export const memberOf = ({ who }: Spec): string => `m${who}`
/** The tokens that a limit takes. */
export const costOf = ({ by }: Spec): number => Math.max(1, Math.abs(by))

/** The tokens that a call takes of the subject of one of its limits. */
function asked(specs: readonly Spec[], { who }: Spec): number {
  const own = specs.filter((each) => each.kind === 'limit' && each.who === who)
  return own.reduce((sum, each) => sum + costOf(each), 0)
}

/** The token with which an object is changed; undefined without a fence. */
export const tokenOf = ({ by }: Spec): number | undefined => (by % 2 === 0 ? Math.abs(by) + 1 : undefined)
/** Whether an object is deleted. */
export const deletes = ({ kind, by }: Spec): boolean => kind === 'object' && by === 6

/** What calls with one id must have in common: their targets, and which of their events, and limits, share a key. */
function signature(specs: readonly Spec[]): string {
  const shared = (['event', 'limit'] as const).flatMap((kind) => {
    const own = specs.filter((each) => each.kind === kind)
    return own.map(({ who }) => own.findIndex((other) => other.who === who))
  })
  return [...specs.map(({ kind }) => (kind === 'set' ? 'best' : kind)), ...shared].join()
}

/** What the documentation promises of record, in plain maps and lists. */
export class RecordModel {
  nowMs = START_MS
  readonly boards = {
    mixed: new BoardModel(BOARDS.mixed),
    best: new BoardModel(BOARDS.best),
    tie: new BoardModel(BOARDS.tie),
    plain: new BoardModel(BOARDS.plain),
  }
  readonly orders: string[] = []
  readonly log: string[] = []
  readonly joined: string[] = []
  readonly events = new Map<string, number[]>()
  readonly objects = new Map<string, number>()
  readonly #fences = new Map<string, number>()
  readonly stock: CounterModel = createCounterModel({ ...STOCK, rememberUs: 0 })
  readonly steps: CounterModel = createCounterModel({ floor: 0, ceiling: 1000, initial: 0, rememberUs: 0 })
  quota: CounterModel = createCounterModel({ ...QUOTA, rememberUs: 0 })
  readonly #limits = new Map<string, { readonly start: number; readonly used: number }>()
  readonly #seen = new Map<string, number>()
  readonly #answers = new Map<string, { readonly kinds: string; readonly results: readonly unknown[] }>()

  advance(ms: number): void {
    const hour = Math.floor(this.nowMs / HOUR)
    this.nowMs += ms
    if (Math.floor(this.nowMs / HOUR) !== hour) this.quota = createCounterModel({ ...QUOTA, rememberUs: 0 })
  }

  record(specs: readonly Spec[], id: string | undefined): Wanted {
    // It could never be allowed.
    if (specs.some((spec) => spec.kind === 'limit' && asked(specs, spec) > LIMIT.limit))
      return { invalid: true }
    const kinds = signature(specs)
    const stored = id === undefined ? undefined : this.#answers.get(id)
    if (stored) return stored.kinds === kinds ? this.#repeat(specs, stored.results) : { invalid: true }
    const refused = this.#refusals(specs)
    if (refused.length > 0) return { refused: refused.toSorted() }
    const results = this.#apply(specs)
    if (id !== undefined) this.#answers.set(id, { kinds, results })
    return { repeated: false, results }
  }

  /** An increment of an object cannot repeat a deletion, which has no value. */
  #repeat(specs: readonly Spec[], results: readonly unknown[]): Wanted {
    const odd = specs.some(
      (spec, at) => spec.kind === 'object' && !deletes(spec) && results[at] === undefined,
    )
    if (odd) return { invalid: true }
    return { repeated: true, results: specs.map((spec, at) => (deletes(spec) ? undefined : results[at])) }
  }

  /** Such as '3 floor'; nothing is changed. */
  #refusals(specs: readonly Spec[]): string[] {
    const refused: string[] = []
    const places = (kind: Kind): number[] => specs.flatMap((spec, at) => (spec.kind === kind ? [at] : []))
    const over = places('order')[MOST_ORDERS - this.orders.length]
    if (over !== undefined) refused.push(`${over} full`)
    const known = places('claim').find((at) => {
      const atMs = this.#seen.get(memberOf(specs[at] as Spec))
      return atMs !== undefined && this.nowMs - atMs < SEEN_MS
    })
    if (known !== undefined) refused.push(`${known} known`)
    for (const at of places('object')) {
      const spec = specs[at] as Spec
      const token = tokenOf(spec)
      if (token !== undefined && token < (this.#fences.get(memberOf(spec)) ?? 0)) refused.push(`${at} fence`)
      else if (spec.by < 0 && (this.objects.get(memberOf(spec)) ?? 0) + spec.by < 0)
        refused.push(`${at} floor`)
    }
    for (const at of places('limit')) {
      if (this.#used(specs, specs[at] as Spec) > LIMIT.limit) refused.push(`${at} limit`)
    }
    const counters: readonly (readonly [Kind, CounterModel])[] = [
      ['take', this.stock],
      ['quota', this.quota],
    ]
    for (const [kind, model] of counters) {
      const at = places(kind)
      const changes = at.map((place) => {
        const spec = specs[place] as Spec
        return { counter: memberOf(spec), by: spec.by }
      })
      // Changed on trial: taken back below where anything is refused.
      const before = new Map(changes.map(({ counter }) => [counter, model.state(counter).value]))
      const answer = model.change(changes)
      if ('refused' in answer) {
        for (const nth of answer.refused) {
          refused.push(`${at[nth]} ${(changes[nth] as { by: number }).by < 0 ? 'floor' : 'ceiling'}`)
        }
      } else {
        for (const [counter, value] of before) {
          const by = value - model.state(counter).value
          if (by !== 0) model.change([{ counter, by, floor: -1e9, ceiling: 1e9 }])
        }
      }
    }
    return refused
  }

  /** The used tokens of a subject in its window. */
  #window(subject: string): { readonly start: number; readonly used: number } {
    const window = this.#limits.get(subject)
    return window && this.nowMs < window.start + LIMIT.windowMs ? window : { start: this.nowMs, used: 0 }
  }

  /** The tokens of a subject that are used after a call. */
  #used(specs: readonly Spec[], spec: Spec): number {
    return this.#window(memberOf(spec)).used + asked(specs, spec)
  }

  #apply(specs: readonly Spec[]): unknown[] {
    const results: unknown[] = specs.map(() => undefined)
    for (const model of Object.values(this.boards)) model.nowMs = this.nowMs
    const updates = {
      mixed: [] as BoardUpdate[],
      best: [] as BoardUpdate[],
      tie: [] as BoardUpdate[],
      plain: [] as BoardUpdate[],
    }
    const places = { mixed: [] as number[], best: [] as number[], tie: [] as number[], plain: [] as number[] }
    for (const [at, spec] of specs.entries()) {
      const member = memberOf(spec)
      const { kind, by } = spec
      const update = (board: keyof typeof updates, change: BoardUpdate): void => {
        updates[board].push(change)
        places[board].push(at)
      }
      const count = (model: CounterModel): number => {
        model.change([{ counter: member, by }])
        return model.state(member).value
      }
      if (kind === 'order') this.orders.push(member)
      else if (kind === 'log') this.log.push(member)
      else if (kind === 'mixed') update('mixed', { member, increment: by })
      else if (kind === 'tie' || kind === 'plain') update(kind, { member, increment: by })
      else if (kind === 'limit') {
        const { start, used } = this.#window(member)
        this.#limits.set(member, { start, used: used + costOf(spec) })
      } else if (kind === 'best') update('best', { member, best: by })
      else if (kind === 'set') update('best', { member, set: by })
      else if (kind === 'take') results[at] = count(this.stock)
      else if (kind === 'quota') results[at] = count(this.quota)
      else if (kind === 'claim') this.#seen.set(member, this.nowMs)
      else if (kind === 'object') {
        const token = tokenOf(spec)
        if (token !== undefined) this.#fences.set(member, token)
        if (deletes(spec)) this.objects.delete(member)
        else {
          this.objects.set(member, (this.objects.get(member) ?? 0) + by)
          results[at] = this.objects.get(member)
        }
      } else if (kind === 'event') this.events.set(member, [...(this.events.get(member) ?? []), by])
      else {
        const before = this.steps.state(member).value
        this.steps.change([{ counter: member, by: 1 }])
        const reached = before < TARGET && before + 1 >= TARGET
        if (reached) this.joined.push(member)
        results[at] = reached
      }
    }
    for (const board of ['mixed', 'best', 'tie', 'plain'] as const) {
      const made = this.boards[board].update(updates[board])
      for (const [nth, at] of places[board].entries()) results[at] = made[nth]?.value
    }
    return results
  }
}

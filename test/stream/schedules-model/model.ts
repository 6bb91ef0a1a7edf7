import { MISSED_MS } from '../../../packages/core/src/stream/schedules/due.ts'

export interface ModelDefinition {
  readonly missed: 'once' | 'all' | 'skip'
  readonly overlap: 'allow' | 'skip'
  /** What `occurrences` was made of. */
  readonly timing: string
  readonly occurrences: readonly number[]
}

interface State {
  definition: ModelDefinition
  paused: boolean
  next: number | undefined
  last: number
}

/** Schedules as docs/schedules.md describes them. */
export class Model {
  readonly added = new Map<string, number[]>()
  readonly #schedules = new Map<string, State>()
  /** The schedules whose last entry is not finished. */
  readonly #open = new Set<string>()

  /** True when that changed it. */
  declare(id: string, definition: ModelDefinition, nowMs: number): boolean {
    const state = this.#schedules.get(id)
    if (!state) {
      this.#schedules.set(id, { definition, paused: false, next: after(definition, nowMs), last: 0 })
      return true
    }
    const { missed, overlap, timing } = state.definition
    const unchanged =
      missed === definition.missed && overlap === definition.overlap && timing === definition.timing
    const same = state.definition.timing === definition.timing
    const isDue = state.next !== undefined && state.next <= nowMs
    state.definition = definition
    if (!state.paused && !same && !isDue) state.next = after(definition, Math.max(nowMs, state.last))
    return !unchanged
  }

  /** True when that changed it. */
  setPaused(id: string, paused: boolean, nowMs: number): boolean {
    const state = this.#schedules.get(id)
    if (!state || state.paused === paused) return false
    state.paused = paused
    state.next = paused ? undefined : after(state.definition, Math.max(nowMs, state.last))
    return true
  }

  remove(id: string): void {
    this.#schedules.delete(id)
    this.#open.delete(id)
  }

  has(id: string): boolean {
    return this.#schedules.has(id)
  }

  run(id: string, nowMs: number): void {
    const state = this.#schedules.get(id)
    if (state) this.#add(id, state, nowMs)
  }

  /** Everything that is due at a time, except of one schedule. */
  tick(nowMs: number, except?: string): void {
    for (const [id, state] of this.#schedules) {
      if (id === except) continue
      while (state.next !== undefined && state.next <= nowMs) {
        const at = state.next
        const { missed } = state.definition
        const isLate = missed === 'skip' && nowMs - at > MISSED_MS
        if (!isLate) this.#add(id, state, at)
        state.last = at
        state.next = after(
          state.definition,
          missed === 'once' ? Math.max(at, nowMs) : isLate ? nowMs - MISSED_MS - 1 : at,
        )
      }
    }
  }

  /** All entries are handled. */
  handle(): void {
    this.#open.clear()
  }

  next(id: string): number | undefined {
    return this.#schedules.get(id)?.next
  }

  #add(id: string, { definition }: State, at: number): void {
    if (definition.overlap === 'skip' && this.#open.has(id)) return
    this.#open.add(id)
    this.added.set(id, [...(this.added.get(id) ?? []), at])
  }
}

function after({ occurrences }: ModelDefinition, ms: number): number | undefined {
  return occurrences.find((at) => at > ms)
}

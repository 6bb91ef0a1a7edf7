import type { CounterChange } from '@penknife/core'

/** The promises of counters in plain arithmetic. Times are whole microseconds. */
export interface CounterModel {
  /** The state of a counter now. */
  state(counter: string): ModelState
  /** The changes that are refused; when none is, all are made, or reserved. */
  change(
    changes: readonly CounterChange[],
    hold?: { readonly id: string; readonly untilUs: number },
  ): ModelAnswer
  /**
   * How a reservation ended, or ends now; null when an amount does not fit. `amounts` has other amounts to commit, by counter.
   */
  end(
    id: string,
    how: 'committed' | 'cancelled',
    amounts?: ReadonlyMap<string, number>,
  ): { readonly state: string; readonly repeated: boolean } | null
  /** Whether a reservation of this id is known. */
  knows(id: string): boolean
  advance(nowUs: number): void
}

export interface ModelState {
  readonly value: number
  readonly available: number
  readonly room: number
}

export type ModelAnswer = { readonly refused: readonly number[] } | { readonly states: readonly ModelState[] }

interface Limits {
  readonly floor: number
  readonly ceiling: number
  readonly initial: number
  readonly rememberUs: number
}

interface Reserved {
  readonly changes: readonly CounterChange[]
  state: 'open' | 'committed' | 'cancelled' | 'expired'
  untilUs: number
}

export function createCounterModel({ floor, ceiling, initial, rememberUs }: Limits): CounterModel {
  const values = new Map<string, number>()
  const reserved = new Map<string, Reserved>()
  let nowUs = 0

  const valueOf = (counter: string): number => values.get(counter) ?? initial

  /** The sum of what open reservations take from a counter (0 or less), and of what they add to it. */
  function pending(counter: string): readonly [down: number, up: number] {
    let [down, up] = [0, 0]
    for (const { changes, state } of reserved.values()) {
      if (state !== 'open') continue
      for (const { counter: of, by } of changes) {
        if (of !== counter) continue
        if (by < 0) down += by
        else up += by
      }
    }
    return [down, up]
  }

  function stateOf(counter: string, low: number = floor, high: number = ceiling): ModelState {
    const [down, up] = pending(counter)
    const value = valueOf(counter)
    return { value, available: Math.max(0, value + down - low), room: Math.max(0, high - value - up) }
  }

  return {
    state: stateOf,
    change(changes, hold) {
      // Tried on a copy, one change after the other; a refused one is left out.
      const tried = new Map<string, { value: number; down: number; up: number }>()
      const states: ModelState[] = []
      const refused: number[] = []
      for (const [at, { counter, by, floor: low = floor, ceiling: high = ceiling }] of changes.entries()) {
        const [down, up] = pending(counter)
        const found = tried.get(counter) ?? { value: valueOf(counter), down, up }
        tried.set(counter, found)
        if (by < 0 && found.value + found.down + by < low) refused.push(at)
        else if (by > 0 && found.value + found.up + by > high) refused.push(at)
        else if (!hold) found.value += by
        else if (by < 0) found.down += by
        else found.up += by
        states.push({
          value: found.value,
          available: Math.max(0, found.value + found.down - low),
          room: Math.max(0, high - found.value - found.up),
        })
      }
      if (refused.length > 0) return { refused }
      if (hold) reserved.set(hold.id, { changes, state: 'open', untilUs: hold.untilUs })
      else for (const [counter, { value }] of tried) values.set(counter, value)
      return { states }
    },
    end(id, how, amounts = new Map()) {
      const found = reserved.get(id)
      if (!found) return { state: 'unknown', repeated: false }
      if (found.state !== 'open') return { state: found.state, repeated: true }
      for (const [counter, by] of amounts) {
        const bys = found.changes.filter((each) => each.counter === counter).map((each) => each.by)
        const least = bys.filter((each) => each < 0).reduce((sum, each) => sum + each, 0)
        const most = bys.filter((each) => each > 0).reduce((sum, each) => sum + each, 0)
        if (bys.length === 0 || by < least || by > most) return null
      }
      if (how === 'committed') {
        for (const { counter, by } of found.changes)
          if (!amounts.has(counter)) values.set(counter, valueOf(counter) + by)
        for (const [counter, by] of amounts) values.set(counter, valueOf(counter) + by)
      }
      found.state = how
      found.untilUs = Math.max(found.untilUs, nowUs + rememberUs)
      return { state: how, repeated: false }
    },
    knows: (id) => reserved.has(id),
    advance(us) {
      nowUs = us
      for (const [id, found] of reserved) {
        if (found.untilUs > nowUs) continue
        if (found.state !== 'open') reserved.delete(id)
        else {
          // It counts as expired from the next call on.
          found.state = 'expired'
          found.untilUs = nowUs + rememberUs
        }
      }
    },
  }
}

import { invalid } from '../errors.ts'
import type { Settings } from './options.ts'
import type { BoardScoreRange } from './read-types.ts'

/** Converts between scores and the values that Redis sorts by, of which the lowest is the best. */
export interface Scores {
  /** Scores are from -max to max. */
  readonly max: number
  /** A score or an increment as an argument of scripts. */
  amount(what: string, score: number): number
  /** The score in a sort value. */
  score(value: string | number): number
  /** The lowest and highest sort value of the scores in a range. */
  bounds(range: BoardScoreRange): readonly [low: string, high: string]
}

/** A sort value as a number. Another program may have stored an infinity, which Redis formats as `inf`. */
function numberOf(value: string | number): number {
  const number = Number(value)
  return Number.isNaN(number) ? Number(String(value).replace('inf', 'Infinity')) : number
}

export function createScores({ ascending, limit, scale, ties }: Settings): Scores {
  const sign = ascending ? 1 : -1
  const shift = ties?.shift ?? 1
  const max = limit === undefined ? Infinity : limit / scale

  /** The score in whole units; undefined when it is not a whole number of units. */
  function units(score: number): number | undefined {
    const whole = Math.round(score * scale)
    return whole / scale === score ? whole : undefined
  }

  function bound(value: number, round: (value: number) => number, beyond: number): string {
    if (Number.isFinite(value) && limit !== undefined) {
      const whole = units(value) ?? round(value * scale)
      if (Math.abs(whole) <= limit) return String(whole * shift + beyond)
      value = whole * Infinity
    }
    if (Number.isFinite(value)) return String(value)
    return value > 0 ? '+inf' : '-inf'
  }

  return {
    max,
    amount(what, score) {
      if (!Number.isFinite(score)) throw invalid(what, score, 'give a finite number')
      if (limit === undefined) return sign * score
      const whole = units(score)
      if (whole === undefined) {
        const fix =
          scale === 1 ? 'give a whole number' : `give at most ${Math.log10(scale)} digits after the point`
        throw invalid(what, score, `${fix}, or raise the board's decimals`)
      }
      if (Math.abs(whole) > limit) throw invalid(what, score, `give a number from ${-max} to ${max}`)
      return sign * whole
    },
    score(value) {
      const stored = numberOf(value)
      // Adding 0 turns -0 into 0.
      return (sign * (shift === 1 ? stored : Math.floor(stored / shift))) / scale + 0
    },
    bounds({ min = -Infinity, max: most = Infinity }) {
      for (const [what, value] of [
        ['min', min],
        ['max', most],
      ] as const) {
        if (typeof value !== 'number' || Number.isNaN(value)) throw invalid(what, value, 'give a number')
      }
      const [low, high] = ascending ? [min, most] : [-most, -min]
      return [bound(low, Math.ceil, 0), bound(high, Math.floor, shift - 1)]
    },
  }
}

import { invalid } from '../errors.ts'
import type { Settings } from './options.ts'
import type { BoardRankStyle, BoardScoreRange } from './read-types.ts'

/** Converts between scores and the values that Redis sorts by, of which the lowest is the best; the highest with `reverse`. */
export interface Scores {
  /** Scores are from -max to max. */
  readonly max: number
  /** A score or an increment as an argument of scripts. */
  amount(what: string, score: number): number
  /** The score in a sort value. */
  score(value: string | number): number
  /** The score of a number of whole units, such as a sum. */
  ofUnits(units: string | number): number
  /** A score in whole units; itself on a board of doubles. */
  inUnits(score: number): number
  /** The best and the worst sort value of the scores in a range, as ZCOUNT takes them. */
  bounds(range: BoardScoreRange): readonly [best: string, worst: string]
  /** Bounds up to which values are better than a score, by what is counted: as good, better, or different better scores. */
  ahead(score: number): Readonly<Record<BoardRankStyle, string>>
}

/** A sort value as a number. Another program may have stored an infinity, which Redis formats as `inf`. */
function numberOf(value: string | number): number {
  const number = Number(value)
  return Number.isNaN(number) ? Number(String(value).replace('inf', 'Infinity')) : number
}

export function createScores({ ascending, limit, scale, ties, reverse }: Settings): Scores {
  /** That of the best first; `sign` is that of what is stored. */
  const order = ascending ? 1 : -1
  const sign = reverse ? -order : order
  const stored = reverse ? flipped : itself
  const shift = ties?.shift ?? 1
  const max = limit === undefined ? Infinity : limit / scale

  /** The score in whole units; undefined when it is not a whole number of units. */
  function wholeUnits(score: number): number | undefined {
    const whole = Math.round(score * scale)
    return whole / scale === score ? whole : undefined
  }

  /** The first (`side` 1) or last (-1) sort value of a range that begins or ends with a score, or beside it. */
  function bound(value: number, side: 1 | -1, beside: boolean): string {
    if (Number.isFinite(value) && limit !== undefined) {
      const whole = wholeUnits(value)
      const first =
        whole === undefined ? (side > 0 ? Math.ceil : Math.floor)(value * scale) : whole + (beside ? side : 0)
      if (Math.abs(first) <= limit) return String(first * shift + (side > 0 ? 0 : shift - 1))
      value = first * Infinity
    }
    if (Number.isFinite(value)) return beside ? `(${value}` : String(value)
    return value > 0 ? '+inf' : '-inf'
  }

  return {
    max,
    amount(what, score) {
      if (!Number.isFinite(score)) throw invalid(what, score, 'give a finite number')
      if (limit === undefined) return sign * score
      const whole = wholeUnits(score)
      if (whole === undefined) {
        const fix =
          scale === 1 ? 'give a whole number' : `give at most ${Math.log10(scale)} digits after the point`
        throw invalid(what, score, `${fix}, or raise the board's decimals`)
      }
      if (Math.abs(whole) > limit) throw invalid(what, score, `give a number from ${-max} to ${max}`)
      return sign * whole
    },
    score(value) {
      const number = numberOf(value)
      // Adding 0 turns -0 into 0.
      return (sign * (shift === 1 ? number : Math.floor(number / shift))) / scale + 0
    },
    ofUnits: (units) => (sign * numberOf(units)) / scale + 0,
    inUnits: (score) => sign * (limit === undefined ? score : Math.round(score * scale)),
    bounds({ min, max: most, above, below }) {
      for (const [what, value] of Object.entries({ min, max: most, above, below })) {
        if (value !== undefined && (typeof value !== 'number' || Number.isNaN(value)))
          throw invalid(what, value, 'give a number')
      }
      if (min !== undefined && above !== undefined) throw invalid('above', above, 'leave out min or above')
      if (most !== undefined && below !== undefined) throw invalid('below', below, 'leave out max or below')
      const from = above ?? min ?? -Infinity
      const to = below ?? most ?? Infinity
      const [best, worst] = ascending
        ? [bound(from, 1, above !== undefined), bound(to, -1, below !== undefined)]
        : [bound(-to, 1, below !== undefined), bound(-from, -1, above !== undefined)]
      return [stored(best), stored(worst)]
    },
    ahead(score) {
      if (typeof score !== 'number' || Number.isNaN(score)) throw invalid('score', score, 'give a number')
      const value = order * score
      const whole = limit === undefined ? value : (wholeUnits(value) ?? value * scale)
      return {
        ordinal: stored(bound(value, -1, false)),
        competition: stored(bound(value, -1, true)),
        dense: stored(Number.isFinite(whole) ? `(${whole}` : whole > 0 ? '+inf' : '(-inf'),
      }
    },
  }
}

const itself = (bound: string): string => bound

/** A bound with the other sign. */
function flipped(bound: string): string {
  if (bound.startsWith('(')) return `(${flipped(bound.slice(1))}`
  if (bound.endsWith('inf')) return bound.startsWith('-') ? '+inf' : '-inf'
  return String(-Number(bound))
}

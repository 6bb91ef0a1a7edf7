import type { BoardRankStyle, BoardRow, BoardScoreRange, BoardSubsetRow } from '@penknife/core'

/** A member's place on a board. */
export interface Standing {
  readonly member: string
  readonly score: number
  /** When it reached the score, in units of the board's ties; the same for all where ties go by member. */
  readonly reached: number
}

/** All standings of a window at a moment, the best first, with all read operations. */
export class Ranking {
  readonly standings: readonly Standing[]
  readonly #sign: number

  constructor(standings: Iterable<Standing>, ascending: boolean) {
    this.#sign = ascending ? 1 : -1
    this.standings = [...standings].toSorted(
      (a, b) =>
        this.#sign * compare(a.score, b.score) ||
        a.reached - b.reached ||
        Buffer.compare(Buffer.from(a.member), Buffer.from(b.member)),
    )
  }

  rows(style: BoardRankStyle = 'ordinal'): BoardRow[] {
    return this.standings.map(({ member, score }, at) => ({
      member,
      score,
      rank: this.rankAt(at, style),
    }))
  }

  rankAt(at: number, style: BoardRankStyle): number {
    if (style === 'ordinal') return at + 1
    const { score } = this.standings[at] as Standing
    const better = this.standings.filter((other) => this.#sign * compare(other.score, score) < 0)
    if (style === 'competition') return better.length + 1
    return new Set(better.map((other) => other.score)).size + 1
  }

  find(member: string, style: BoardRankStyle = 'ordinal'): BoardRow | null {
    return this.rows(style).find((row) => row.member === member) ?? null
  }

  around(member: string, each: number, style: BoardRankStyle = 'ordinal'): BoardRow[] | null {
    const at = this.standings.findIndex((standing) => standing.member === member)
    return at < 0 ? null : this.rows(style).slice(Math.max(0, at - each), at + each + 1)
  }

  within(
    { min = -Infinity, max = Infinity }: BoardScoreRange,
    style: BoardRankStyle = 'ordinal',
  ): BoardRow[] {
    return this.rows(style).filter(({ score }) => score >= min && score <= max)
  }

  percentile(member: string): number | null {
    const mine = this.standings.find((standing) => standing.member === member)
    if (!mine) return null
    const notBetter = this.standings.filter(({ score }) => this.#sign * compare(score, mine.score) >= 0)
    return (100 * notBetter.length) / this.standings.length
  }

  scoreAt(percent: number): number | null {
    const worstFirst = this.standings.toReversed()
    const found = worstFirst.find((_, at) => (100 * (at + 1)) / worstFirst.length >= percent)
    return found?.score ?? null
  }

  among(members: readonly string[], style: BoardRankStyle): BoardSubsetRow[] {
    const subset = new Ranking(
      this.standings.filter(({ member }) => members.includes(member)),
      this.#sign === 1,
    )
    return subset.rows(style).map((row) => ({
      ...row,
      place: row.rank,
      rank: (this.find(row.member, style) as BoardRow).rank,
    }))
  }
}

function compare(a: number, b: number): number {
  return a < b ? -1 : a > b ? 1 : 0
}

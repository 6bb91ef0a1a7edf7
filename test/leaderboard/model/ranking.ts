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
  readonly #names: number

  /** @param names the order of members with equal standings: 1 ascending, -1 descending */
  constructor(standings: Iterable<Standing>, ascending: boolean, names: 1 | -1 = 1) {
    this.#sign = ascending ? 1 : -1
    this.#names = names
    this.standings = [...standings].toSorted(
      (a, b) =>
        this.#sign * compare(a.score, b.score) ||
        a.reached - b.reached ||
        names * Buffer.compare(Buffer.from(a.member), Buffer.from(b.member)),
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

  around(
    member: string,
    each: number,
    style: BoardRankStyle = 'ordinal',
    fill: boolean = false,
  ): BoardRow[] | null {
    const at = this.standings.findIndex((standing) => standing.member === member)
    if (at < 0) return null
    const rows = this.rows(style)
    if (!fill) return rows.slice(Math.max(0, at - each), at + each + 1)
    let [from, to] = [at, at]
    const wide = (): boolean => to - from === 2 * each
    while (!wide() && (from > 0 || to < rows.length - 1)) {
      // One more on the side that has fewer, as long as there is one.
      if (to === rows.length - 1 || (from > 0 && at - from <= to - at)) from -= 1
      else to += 1
    }
    return rows.slice(from, to + 1)
  }

  within(
    { min = -Infinity, max = Infinity, above, below }: BoardScoreRange,
    style: BoardRankStyle = 'ordinal',
  ): BoardRow[] {
    return this.rows(style).filter(
      ({ score }) =>
        (above === undefined ? score >= min : score > above) &&
        (below === undefined ? score <= max : score < below),
    )
  }

  /** The rank of one more member with this score, which reached it last and has the last name. */
  rankFor(score: number, style: BoardRankStyle): number {
    const better = this.standings.filter((other) => this.#sign * compare(other.score, score) < 0)
    if (style === 'competition') return better.length + 1
    if (style === 'dense') return new Set(better.map((other) => other.score)).size + 1
    return this.standings.filter((other) => this.#sign * compare(other.score, score) <= 0).length + 1
  }

  sum(plus: (a: number, b: number) => number): number {
    return this.standings.reduce((all, { score }) => plus(all, score), 0)
  }

  percentile(member: string, interpolate: boolean = false): number | null {
    const mine = this.standings.find((standing) => standing.member === member)
    if (!mine) return null
    const others = this.standings.length - 1
    if (interpolate) {
      const worse = this.standings.filter(({ score }) => this.#sign * compare(score, mine.score) > 0)
      return others === 0 ? 100 : (100 * worse.length) / others
    }
    const notBetter = this.standings.filter(({ score }) => this.#sign * compare(score, mine.score) >= 0)
    return (100 * notBetter.length) / this.standings.length
  }

  scoreAt(percent: number, interpolate: boolean = false): number | null {
    const worstFirst = this.standings.toReversed()
    const [worst] = worstFirst
    if (interpolate && worst) {
      const exact = (percent * (worstFirst.length - 1)) / 100
      const whole = Math.round(exact)
      const place = Math.abs(exact - whole) <= whole * 1e-14 ? whole : exact
      const share = place - Math.floor(place)
      const below = (worstFirst[Math.floor(place)] ?? worst).score
      const above = (worstFirst[Math.ceil(place)] ?? worst).score
      return below === above ? below : below * (1 - share) + above * share
    }
    const found = worstFirst.find((_, at) => (100 * (at + 1)) / worstFirst.length >= percent)
    return found?.score ?? null
  }

  among(members: readonly string[], style: BoardRankStyle): BoardSubsetRow[] {
    const subset = new Ranking(
      this.standings.filter(({ member }) => members.includes(member)),
      this.#sign === 1,
      this.#names === 1 ? 1 : -1,
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

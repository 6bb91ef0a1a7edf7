import type { Row } from '@penknife/core'

/** A board as a plain map: what a leaderboard must agree with. */
export class Model {
  readonly #scores = new Map<string, number>()

  increment(member: string, by: number): number {
    const score = (this.#scores.get(member) ?? 0) + by
    this.#scores.set(member, score)
    return score
  }

  /** Highest score first; of equal scores the member that is earlier in byte order. */
  rows(): Row[] {
    const bytes = (text: string): Buffer => Buffer.from(text)
    return [...this.#scores]
      .map(([member, score]) => ({ member, score }))
      .toSorted((a, b) => b.score - a.score || Buffer.compare(bytes(a.member), bytes(b.member)))
      .map((row, at) => ({ ...row, rank: at + 1 }))
  }

  top(count: number, from: number): Row[] {
    return this.rows().slice(from - 1, from - 1 + count)
  }

  rank(member: string): Row | null {
    return this.rows().find((row) => row.member === member) ?? null
  }

  around(member: string, each: number): Row[] | null {
    const row = this.rank(member)
    return row && this.rows().slice(Math.max(0, row.rank - 1 - each), row.rank + each)
  }
}

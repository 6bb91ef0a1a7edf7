import type { Scores } from './scores.ts'
import type { BoardRankStyle, BoardRow, BoardSubsetRow } from './read-types.ts'
import { createUnreadable } from './unreadable.ts'

/** How ranks are counted in rows, and whether rows have data. */
export interface RowStyle {
  readonly style: BoardRankStyle
  readonly data: boolean
}

/** Decodes the lines of a read of lua/_lib/leaderboard/rows.lua. */
export interface Rows {
  /** The data in a text; null for none. */
  toData(member: string, text: string): unknown
  /** `memberIn` decodes a member's line: `itself`, or `unescaped` in an exact read. */
  toRows(lines: readonly string[], how: RowStyle, memberIn: (line: string) => string): BoardRow[]
  /** A member's row; `count` is its rank minus 1. */
  toRow(member: string, value: string, count: string, how: RowStyle, text?: string): BoardRow
}

export function createRows(board: string, scores: Scores): Rows {
  const unreadable = createUnreadable(board)

  function toData(member: string, text: string): unknown {
    if (text === '') return null
    try {
      return JSON.parse(text)
    } catch {
      unreadable(member, text)
      return null
    }
  }

  function toRows(
    lines: readonly string[],
    { style, data }: RowStyle,
    memberIn: (line: string) => string,
  ): BoardRow[] {
    const position = Number(lines[0])
    let rank = Number(lines[1])
    const count = Number(lines[2])
    const rows: BoardRow[] = []
    let last = Number.NaN
    for (let at = 0; at < count; at++) {
      const member = memberIn(lines[3 + 2 * at] as string)
      const score = scores.score(lines[4 + 2 * at] as string)
      if (style === 'ordinal') rank = position + at
      else if (at > 0 && score !== last) rank = style === 'dense' ? rank + 1 : position + at
      last = score
      rows.push(
        data
          ? { member, score, rank: rank + 1, data: toData(member, lines[3 + 2 * count + at] as string) }
          : { member, score, rank: rank + 1 },
      )
    }
    return rows
  }

  function toRow(
    member: string,
    value: string,
    count: string,
    { data }: RowStyle,
    text: string = '',
  ): BoardRow {
    const score = scores.score(value)
    const rank = Number(count) + 1
    return data ? { member, score, rank, data: toData(member, text) } : { member, score, rank }
  }

  return { toData, toRow, toRows }
}

/** Whether the number of lines fits the number of rows in the third line: no member contains a line break. */
export function hasAll(lines: readonly string[], linesOfRow: number): boolean {
  // Without rows there is one empty line.
  return lines.length === 3 + (Number(lines[2]) * linesOfRow || 1)
}

export const itself = (line: string): string => line

/** The member in a line of an exact read. */
export function unescaped(line: string): string {
  return line.replaceAll(/\\./g, (pair) => (pair === '\\n' ? '\n' : '\\'))
}

/** Rows, the best first, with their places in a style. */
export function places(rows: readonly BoardRow[], style: BoardRankStyle): BoardSubsetRow[] {
  const placed: BoardSubsetRow[] = []
  for (const [at, row] of rows.entries()) {
    const before = placed.at(-1)
    let place = at + 1
    if (style !== 'ordinal' && before) {
      if (before.score === row.score) place = before.place
      else if (style === 'dense') place = before.place + 1
    }
    placed.push({ ...row, place })
  }
  return placed
}

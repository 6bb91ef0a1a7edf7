import { badReply } from '../redis/failures.ts'
import type { Choice } from './choice.ts'
import { hasAll, itself, type Rows, unescaped } from './rows.ts'
import type { BoardRow } from './read-types.ts'

/** The most members of a list that one call reads. */
const CHUNK = 50
/** The most rows of reads that share a call: about half a millisecond of Redis if all of them are searched for. */
const ROWS_OF_A_CALL = 200
const MOST_ITEMS = 64
/** The cost of searching for a member, in rows of a page. */
export const SEARCH_ROWS = 4

type Numbers = readonly (string | number)[]

/** Reads lines and rows of a board; see lua/_lib/leaderboard/rows.lua. */
export interface RowReader {
  /** The lines of a read, or null. The number of rows bounds how many reads share a call. */
  lines(choice: Choice, rows: number, what: string, ...numbers: Numbers): Promise<readonly string[] | null>
  /** Consecutive rows of the board, or null when the member to start from is not on it. */
  rows(choice: Choice, searched: number, what: string, ...numbers: Numbers): Promise<BoardRow[] | null>
  /** Rows of members with the values that Redis sorts by, in the given order. */
  of(members: readonly string[], choice: Choice): Promise<({ value: number; row: BoardRow } | null)[]>
}

export function createRowReader(name: string, { toRow, toRows }: Rows): RowReader {
  async function lines(
    { view, style, data }: Choice,
    searched: number,
    what: string,
    ...[a = '', b = '', c = '', d = '']: Numbers
  ): Promise<readonly string[] | null> {
    return linesOf(await view.call(callsFor(searched), what, style, data ? 1 : 0, a, b, c, d))
  }

  async function rows(
    choice: Choice,
    searched: number,
    what: string,
    ...[a = '', b = '', c = '', d = '']: Numbers
  ): Promise<BoardRow[] | null> {
    const { view, style, data } = choice
    const found = await lines(choice, searched, what, a, b, c, d)
    if (!found || hasAll(found, data ? 3 : 2)) return found && toRows(found, choice, itself)
    // A member written by another program contains a line break.
    const exact = linesOf(await view.call(1, what, style, data ? 3 : 2, a, b, c, d))
    if (exact && !hasAll(exact, data ? 3 : 2)) throw badReply(`leaderboard '${name}'`, 'rows are missing')
    return exact && toRows(exact, choice, unescaped)
  }

  async function of(
    members: readonly string[],
    choice: Choice,
  ): Promise<({ value: number; row: BoardRow } | null)[]> {
    const chunks: string[][] = []
    for (let at = 0; at < members.length; at += CHUNK) chunks.push(members.slice(at, at + CHUNK))
    const replies = await Promise.all(
      chunks.map(async (chunk) => {
        const found = await lines(choice, SEARCH_ROWS * chunk.length, 'of', JSON.stringify(chunk))
        if (found?.length !== (choice.data ? 3 : 2) * chunk.length) {
          throw badReply(`leaderboard '${name}'`, 'rows are missing')
        }
        return chunk.map((member, at) => {
          const value = found[2 * at] as string
          if (value === '') return null
          const text = found[2 * chunk.length + at] as string
          return {
            value: Number(value),
            row: toRow(member, value, found[2 * at + 1] as string, choice, text),
          }
        })
      }),
    )
    return replies.flat()
  }

  return { lines, rows, of }
}

/** How many reads of so many rows may share a call. */
function callsFor(rows: number): number {
  return Math.max(1, Math.min(MOST_ITEMS, Math.floor(ROWS_OF_A_CALL / rows)))
}

export function linesOf(reply: unknown): readonly string[] | null {
  return reply === null ? null : (reply as string).split('\n')
}

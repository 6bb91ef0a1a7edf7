import { type BoardRow, type Leaderboard, live, type LiveRows, type LiveView } from '@penknife/core'

/** What the board knows of a member beside its score. */
export interface Named {
  readonly name: string
}

/** A row as the page shows it. */
export interface NamedRow extends BoardRow {
  readonly name: string
}

/** A visitor's rank, and the next visitor above. */
export interface Standing {
  readonly me: NamedRow | null
  readonly ahead: NamedRow | null
}

/** The leaderboard with names. */
export interface Board {
  top(): Promise<readonly NamedRow[]>
  standing(member: string): Promise<Standing>
  rename(member: string, name: string): Promise<void>
  /** The top rows, which every page follows. */
  readonly view: LiveView<LiveRows<Named>>
}

const ROWS = 10

export function createBoard(scores: Leaderboard<Named>): Board {
  return {
    top: async () => (await scores.top(ROWS, 1, { data: true })).map(named),
    async standing(member) {
      const rows = ((await scores.around(member, 1, { data: true })) ?? []).map(named)
      const at = rows.findIndex((row) => row.member === member)
      return { me: rows[at] ?? null, ahead: rows[at - 1] ?? null }
    },
    rename: (member, name) => scores.describe(member, { name }),
    // A new name is shown at the tick, a click at once.
    view: live(scores, { top: ROWS, data: true, every: 80, tick: '1s' }),
  }
}

function named({ data, ...row }: BoardRow<Named>): NamedRow {
  return { ...row, name: data?.name ?? 'Somebody' }
}

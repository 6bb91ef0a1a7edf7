import type { Leaderboard, Notifier, BoardRow } from '@penknife/core'
import type { Redis } from 'ioredis'

/** A row as the page shows it. */
export interface NamedRow extends BoardRow {
  readonly name: string
}

/** A visitor's rank, and the next visitor above. */
export interface Standing {
  readonly me: NamedRow | null
  readonly ahead: NamedRow | null
}

/** The leaderboard with names. Every page gets its changes. */
export interface Board {
  top(): Promise<readonly NamedRow[]>
  standing(member: string): Promise<Standing>
  rename(member: string, name: string): Promise<void>
  /** Reports a change: all pages get the top rows soon. */
  changed(): void
  close(): void
}

const NAMES = 'penknife-demo:names'
const ROWS = 10
/** Changes within this time are sent together. */
const COALESCE_MS = 80

export function createBoard(redis: Redis, scores: Leaderboard, notifier: Notifier): Board {
  let timer: NodeJS.Timeout | undefined

  async function named(rows: readonly BoardRow[]): Promise<readonly NamedRow[]> {
    if (rows.length === 0) return []
    const names = await redis.hmget(NAMES, ...rows.map(({ member }) => member))
    return rows.map((row, at) => ({ ...row, name: names[at] ?? 'Somebody' }))
  }
  const top = async (): Promise<readonly NamedRow[]> => named(await scores.top(ROWS))

  async function tell(): Promise<void> {
    timer = undefined
    // A nudge is not stored: a page that missed it loads the rows when it reconnects.
    await top().then(
      (rows) => notifier.nudge('board', { rows }, { type: 'board' }),
      () => {},
    )
  }

  return {
    top,
    async standing(member) {
      const rows = await named((await scores.around(member, 1)) ?? [])
      const at = rows.findIndex((row) => row.member === member)
      return { me: rows[at] ?? null, ahead: rows[at - 1] ?? null }
    },
    async rename(member, name) {
      await redis.hset(NAMES, member, name)
    },
    changed() {
      timer ??= setTimeout(() => void tell().catch(() => {}), COALESCE_MS)
    },
    close: () => clearTimeout(timer),
  }
}

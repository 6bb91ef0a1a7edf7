import { invalid } from '../errors.ts'
import { checkName, checkText, wholeNumber } from '../options.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import type { Reply } from '../redis/script.ts'
import {
  leaderboardAround,
  leaderboardIncrement,
  leaderboardRange,
  leaderboardRank,
} from '../redis/scripts.gen.ts'
import type { Leaderboard, Row } from './types.ts'

const LONGEST_MEMBER = 256

/**
 * Makes an all-time leaderboard, highest score first, in one sorted set of about 100 bytes a member. It grows with
 * its members and has no TTL.
 *
 * @throws PENKNIFE_INVALID for a wrong name; its methods for a wrong member, score or count.
 */
export function createLeaderboard(space: Space, name: string): Leaderboard {
  checkName('leaderboard name', name)
  const { keys, bind, use } = runtimeOf(space)
  const { route } = keys
  const key = keys.leaderboard(name)
  const increment = bind(leaderboardIncrement, [])
  const range = bind(leaderboardRange, [])
  const rank = bind(leaderboardRank, [])
  const around = bind(leaderboardAround, [])
  use('leaderboard')

  return {
    name,
    async increment(member: string, by = 1) {
      checkText('member', member, LONGEST_MEMBER)
      if (!Number.isFinite(by)) throw invalid('by', by, 'give a finite number')
      return Number(await increment(route, key, member, by))
    },
    async top(count = 10, from = 1) {
      wholeNumber('count', count, 1, 1000)
      wholeNumber('from', from, 1, Number.MAX_SAFE_INTEGER - 1000)
      return toRows(await range(route, key, from - 1, from + count - 2), from)
    },
    async rank(member: string) {
      checkText('member', member, LONGEST_MEMBER)
      const reply = await rank(route, key, member)
      return reply && { member, score: Number(reply[1]), rank: Number(reply[0]) + 1 }
    },
    async around(member: string, each = 5) {
      checkText('member', member, LONGEST_MEMBER)
      wholeNumber('each', each, 0, 500)
      const reply = await around(route, key, member, each)
      return reply && toRows(reply.slice(1), Number(reply[0]) + 1)
    },
  } as Pick<Leaderboard, 'name' | 'increment' | 'top' | 'rank' | 'around'> as Leaderboard
}

/** Rows of a flat list of members and scores, the first of which has that rank. */
function toRows(flat: readonly Reply[], first: number): readonly Row[] {
  const rows: Row[] = []
  for (let at = 0; at < flat.length; at += 2) {
    rows.push({ member: flat[at] as string, score: Number(flat[at + 1]), rank: first + at / 2 })
  }
  return rows
}

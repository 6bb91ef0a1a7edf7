import { invalid } from '../errors.ts'
import { checkChosen, checkOptions } from '../options.ts'
import type { Arg } from '../redis/script.ts'
import { leaderboardClear, leaderboardDeleteSeason, leaderboardExpire } from '../redis/scripts.gen.ts'
import { createCall } from './board-call.ts'
import type { BoardSeasons } from './season-types.ts'
import type { SeasonParts } from './reads.ts'

/** Creates the methods that clear, delete and expire a board. */
export function createClearing(
  { runtime, settings, layouts, clock, keyOf, key, dataKey }: SeasonParts,
  seasons: BoardSeasons['seasons'],
  season: BoardSeasons['season'],
): Pick<BoardSeasons, 'clear' | 'delete' | 'expireAt'> {
  const { windows } = settings
  const { route } = runtime.keys
  const all = createCall<[window: Arg]>(runtime, leaderboardClear, clock, layouts.remove)
  const expire = runtime.bind(leaderboardExpire, [[key, keyOf('all', 'scores'), dataKey]])
  const remove = runtime.bind(leaderboardDeleteSeason, [])

  return {
    async clear(options = {}) {
      checkOptions('clear', options, ['window'])
      checkChosen('clear', options)
      if (options.window === undefined) {
        await all(1, '')
        return
      }
      const only = windows.find(({ name }) => name === options.window)
      if (!only)
        throw invalid('window', options.window, `give one of ${windows.map(({ name }) => name).join(', ')}`)
      const one = createCall<[window: Arg]>(runtime, leaderboardClear, clock, (nowMs) =>
        layouts.remove(nowMs, only),
      )
      await one(1, only.name)
    },
    async delete() {
      for (const { id } of await seasons()) await season(id).delete()
      await all(1, '')
      // The index of seasons, the declaration, and no season.
      const index = keyOf('seasons')
      await remove(route, index, index, keyOf('declaration'), index, index, '')
    },
    async expireAt(time) {
      const ms = time === null ? 0 : time instanceof Date ? time.getTime() : Number.NaN
      if (!Number.isSafeInteger(ms) || ms < 0) throw invalid('time', time, 'give a Date, or null for never')
      return (await expire(route, ms)) === 1
    },
  }
}

import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { readTime } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Arg } from '../redis/script.ts'
import { leaderboardRecall, leaderboardRemove, leaderboardUndo } from '../redis/scripts.gen.ts'
import { createErasure } from './erasure.ts'
import { checkIncrementId } from './increment-id.ts'
import { checkAnyMember } from './members.ts'
import type { Settings } from './options.ts'
import type { Leaderboard } from './types.ts'
import type { BoardRemoveOptions } from './update-types.ts'
import { type BoardClock, createCall } from './board-call.ts'
import type { KeyOf, Layouts } from './windows.ts'

export type Removals = Pick<Leaderboard, 'undo' | 'remove'>

export interface RemovalParts {
  readonly runtime: Runtime
  readonly settings: Settings
  readonly layouts: Layouts
  readonly clock: BoardClock
  readonly keyOf: KeyOf
}

/** Creates the methods that undo increments and remove members. */
export function createRemovals({ runtime, settings, layouts, clock, keyOf }: RemovalParts): Removals {
  const { route } = runtime.keys
  const { dedupWindow } = settings
  const removeCall = createCall<[member: Arg]>(runtime, leaderboardRemove, clock, layouts.remove)
  const erase = createErasure(runtime, settings, keyOf)
  const recall = runtime.bind(leaderboardRecall, [[keyOf('ids')], dedupWindow ?? 0])

  return {
    async undo(id) {
      checkIncrementId(dedupWindow, id)
      for (;;) {
        const time = await recall(route, id)
        if (time === null) return false
        const atMs = Math.floor(readTime(leaderboardRecall.name, time) / 1000)
        const { keys, plan } = layouts.update({ atMs })
        const done = await runtime.bind(leaderboardUndo, [keys, plan])(route, id, time)
        // 2: more expired entries have to be removed first.
        if (done !== 2) return done === 1
      }
    },
    async remove(member, options: BoardRemoveOptions = NONE) {
      checkOptions('remove', options, ['erase'])
      const { erase: erasing = true } = options
      if (typeof erasing !== 'boolean') throw invalid('erase', erasing, 'give true or false')
      const removed = (await removeCall(1, checkAnyMember(member))) === '1'
      if (erasing) await erase(member)
      return removed
    },
  }
}

const NONE = {}

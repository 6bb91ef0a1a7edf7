import { invalid } from '../errors.ts'
import { checkChosen, checkOptions, wholeNumber } from '../options.ts'
import { readTime } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Arg } from '../redis/script.ts'
import {
  leaderboardRecall,
  leaderboardRemove,
  leaderboardRemoveRange,
  leaderboardUndo,
} from '../redis/scripts.gen.ts'
import { createErasure } from './erasure.ts'
import { checkIncrementId } from './increment-id.ts'
import { checkAnyMember } from './members.ts'
import { checkFlag } from './flag.ts'
import type { Settings } from './options.ts'
import type { BoardScoreRange } from './read-types.ts'
import type { Scores } from './scores.ts'
import type { Leaderboard } from './types.ts'
import type { BoardPositionRange, BoardRemoveOptions } from './update-types.ts'
import { type BoardClock, createCall } from './board-call.ts'
import type { KeyOf, Layouts } from './windows.ts'

export type Removals = Pick<Leaderboard, 'undo' | 'remove' | 'removeRange'>

export interface RemovalParts {
  readonly runtime: Runtime
  readonly settings: Settings
  readonly layouts: Layouts
  readonly clock: BoardClock
  readonly keyOf: KeyOf
  readonly scores: Scores
}

/** Creates the methods that undo increments and remove members. */
export function createRemovals({ runtime, settings, layouts, clock, keyOf, scores }: RemovalParts): Removals {
  const { route } = runtime.keys
  const { dedupWindow } = settings
  const removeCall = createCall<[member: Arg]>(runtime, leaderboardRemove, clock, layouts.remove)
  const rangeCall = createCall<[window: Arg, kind: Arg, low: Arg, high: Arg]>(
    runtime,
    leaderboardRemoveRange,
    clock,
    layouts.remove,
  )
  const names = settings.windows.map(({ name }) => name)
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
      checkFlag('erase', erasing)
      const removed = (await removeCall(1, checkAnyMember(member))) === '1'
      if (erasing) await erase(member)
      return removed
    },
    async removeRange(range, options = NONE) {
      checkOptions('removeRange', range, ['min', 'max', 'above', 'below', 'from', 'to'])
      checkChosen('removeRange', range)
      checkOptions('removeRange', options, ['window', 'erase'])
      const erasing = checkFlag('erase', options.erase ?? true)
      const { window: name = names[0] } = options
      if (name === undefined || !names.includes(name))
        throw invalid('window', name, `give one of ${names.join(', ')}`)
      const window = names.indexOf(name) + 1
      const { from, to, ...bounds } = range as BoardPositionRange & BoardScoreRange
      const byScore = Object.values(bounds).some((bound) => bound !== undefined)
      if (byScore === (from !== undefined || to !== undefined))
        throw invalid('range', range, 'give scores (min, max, above, below) or ranks (from, to)')
      const [low, high] = scores.bounds(bounds)
      const first = wholeNumber('from', from ?? 1, 1, Number.MAX_SAFE_INTEGER) - 1
      const last = wholeNumber('to', to ?? Number.MAX_SAFE_INTEGER, first + 1, Number.MAX_SAFE_INTEGER) - 1
      for (let removed = 0; ;) {
        const reply = byScore
          ? await rangeCall(1, window, 'score', low, high)
          : await rangeCall(1, window, 'position', first, last - removed)
        const members = reply as readonly string[]
        if (erasing) for (const member of members) await erase(member)
        removed += members.length
        if (members.length === 0 || (!byScore && first + removed > last)) return removed
      }
    },
  }
}

const NONE = {}

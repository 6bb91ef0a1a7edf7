import { invalid } from '../errors.ts'
import { checkOptions } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import { leaderboardRanksOn } from '../redis/scripts.gen.ts'
import { type Call, createBoardClock, createCall } from './board-call.ts'
import type { BoardParts } from './board-parts.ts'
import { checkMember } from './members.ts'
import type { Window } from './options.ts'
import type { BoardRankStyle, BoardRow } from './read-types.ts'
import type { RanksOnOptions } from './ranks-on-types.ts'
import type { AnyLeaderboard } from './types.ts'
import { commonWindow, partsOfBoards } from './several-boards.ts'
import type { Layout } from './windows.ts'

const MOST_BOARDS = 50

/** Boards that are read together, in one window each. */
interface Together {
  readonly boards: readonly AnyLeaderboard[]
  readonly parts: readonly BoardParts[]
  readonly call: Call<[member: string, style: string]>
}

const known = new WeakMap<readonly AnyLeaderboard[], Map<string, Together>>()

/**
 * A member's rows on several boards of one space, in the order of the boards; null where it is not on one. One script reads all of them at
 * the same moment. Pass the same array again where you can: it is prepared once.
 *
 *     const [points, wins] = await ranksOn([pointsBoard, winsBoard], 'ann')
 *
 * @param boards 1 to 50 boards of one space; not their rolling windows.
 * @throws PENKNIFE_INVALID for a wrong argument.
 */
export async function ranksOn(
  boards: readonly AnyLeaderboard[],
  member: string,
  options: RanksOnOptions = {},
): Promise<(BoardRow | null)[]> {
  checkOptions('ranksOn', options, ['window', 'ranks'])
  checkMember(member)
  const { window, ranks = 'ordinal' } = options
  const { parts, call } = togetherOf(boards, window)
  checkStyle(ranks, parts)
  await Promise.all(parts.map(async ({ gate }) => gate()))
  const lines = String(await call(4, member, ranks)).split('\n')
  if (lines.length !== 2 * parts.length) throw badReply('leaderboard/ranks-on', 'rows are missing')
  return parts.map(({ scores }, at) => {
    const [value = '', count] = lines.slice(2 * at, 2 * at + 2)
    return value === '' ? null : { member, score: scores.score(value), rank: Number(count) + 1 }
  })
}

function checkStyle(style: BoardRankStyle, parts: readonly BoardParts[]): void {
  if (style !== 'ordinal' && style !== 'competition' && style !== 'dense')
    throw invalid('ranks', style, "give 'ordinal', 'competition' or 'dense'")
  const without = parts.find(({ settings }) => !settings.dense)
  if (style === 'dense' && without)
    throw invalid(
      'ranks',
      style,
      `create the board '${without.name}' with denseRanks: true before its first update`,
    )
}

function togetherOf(boards: readonly AnyLeaderboard[], window: string | undefined): Together {
  const of = known.get(boards) ?? new Map<string, Together>()
  const found = of.get(window ?? '')
  if (found && isUnchanged(boards, found)) return found
  const made = create(boards, window)
  of.set(window ?? '', made)
  known.set(boards, of)
  return made
}

function isUnchanged(boards: readonly AnyLeaderboard[], { boards: before }: Together): boolean {
  return before.length === boards.length && before.every((board, at) => board === boards[at])
}

function create(given: readonly AnyLeaderboard[], name: string | undefined): Together {
  const parts = partsOfBoards(given, MOST_BOARDS)
  const [first] = parts as [BoardParts]
  const windows = parts.map((each) => commonWindow(each, name))
  const layout = (nowMs: number): Layout => {
    const layouts = parts.map(({ layouts: of }, at) => of.read(windows[at] as Window, { nowMs }))
    let last = 0
    const plans = layouts.map(({ keys, plan }) => {
      const from = last + 1
      last += keys.length
      return `{"first":${from},"last":${last},"plan":${plan}}`
    })
    const endMs = Math.min(...layouts.map(({ period }) => period.endMs))
    return {
      keys: layouts.flatMap(({ keys }) => keys),
      plan: `[${plans.join(',')}]`,
      period: { startMs: -Infinity, endMs },
    }
  }
  return {
    boards: [...given],
    parts,
    call: createCall(first.runtime, leaderboardRanksOn, createBoardClock(), layout),
  }
}

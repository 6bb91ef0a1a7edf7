import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { readReply } from '../redis/failures.ts'
import { digest } from '../redis/keys.ts'
import { runtimeOf, type Space } from '../redis/penknife.ts'
import type { Arg } from '../redis/script.ts'
import { leaderboardMerge } from '../redis/scripts.gen.ts'
import type { BoardParts } from './board-parts.ts'
import { createBoardClock, createCall } from './board-call.ts'
import type { BoardMergeOptions, MergedLeaderboard } from './merge-types.ts'
import type { Settings, Window } from './options.ts'
import { createReads } from './reads.ts'
import { createScores } from './scores.ts'
import { commonWindow, isBeside, partsOfBoards } from './several-boards.ts'
import { createLayouts, type KeyOf, type Layout } from './windows.ts'

const MOST_BOARDS = 50
const LONGEST_LIFE_MS = 366 * 86_400_000

/** The period of a board's window in a plan of lua/_lib/leaderboard/board.lua. */
interface Planned {
  readonly z: readonly number[]
  readonly start?: number
  readonly next?: number
  readonly finish?: number
}

/**
 * A board whose rows are those of several boards of a space, such as the boards of all regions. `merge` makes it, and it expires.
 *
 *     const world = createMergedLeaderboard(shop, 'world', { boards: [asia, europe], how: 'sum', expires: '10m' })
 *     await world.merge()
 *     const best = await world.top(10)
 *
 * Processes that give the same name and options share it. With other options it is another board.
 *
 * @throws PENKNIFE_INVALID for a wrong name or option.
 */
export function createMergedLeaderboard(
  space: Space,
  name: string,
  options: BoardMergeOptions,
): MergedLeaderboard {
  checkName('merged leaderboard name', name)
  checkOptions('merge', options, ['boards', 'how', 'expires', 'window', 'previous', 'ties'])
  const { how, window, previous = 0, ties = 'member' } = options
  if (how !== 'sum' && how !== 'best') throw invalid('how', how, "give 'sum' or 'best'")
  if (ties !== 'member' && ties !== 'member-descending')
    throw invalid('ties', ties, "give 'member' or 'member-descending'")
  const life = Math.ceil(durationMs('expires', options.expires, { min: 1000, max: LONGEST_LIFE_MS }))
  const parts = partsOfBoards(options.boards, MOST_BOARDS)
  const runtime = runtimeOf(space)
  checkBoards(parts)
  const [first] = parts as [BoardParts]
  if (!isBeside(space.name, runtime, first))
    throw invalid('boards', first.name, `give boards of space '${space.name}' and of its connection`)
  const windows = parts.map((each) => commonWindow(each, window))
  for (const each of windows)
    wholeNumber('previous', previous, 0, each.kind === 'calendar' ? each.previous : 0)

  const settings = settingsOf(parts, ties === 'member-descending')
  const id = identityOf(parts, windows, { how, previous, ties })
  const keyOf: KeyOf = (...part) => runtime.keys.leaderboardPart(name, 'merged', id, ...part)
  const { data: _, ...reads } = createReads({
    name,
    runtime,
    settings,
    scores: createScores(settings),
    layouts: createLayouts(settings, keyOf),
    clock: createBoardClock(),
    key: keyOf(),
    dataKey: keyOf('data'),
  })
  const layoutAt = (nowMs: number): Layout =>
    layoutOf(parts, windows, nowMs, previous, [keyOf(), keyOf('rows'), keyOf('progress')], {
      best: how === 'best',
      reverse: settings.reverse,
      limit: settings.limit,
    })
  const step = createCall<[life: Arg, joined: Arg]>(runtime, leaderboardMerge, createBoardClock(), layoutAt)

  return {
    name,
    ...reads,
    async merge() {
      await Promise.all(parts.map(async ({ gate }) => gate()))
      let reply = ''
      // It takes part in the merge of its first step, and ends with it.
      do reply = String(await step(1, life, reply.slice(1)))
      while (reply.startsWith('+'))
      return readReply(leaderboardMerge.name, () => {
        const [, members, us] = /^(\d+) (\d+)$/.exec(reply) ?? []
        if (members === undefined) throw new Error(`'${reply}' is no merge`)
        return { members: Number(members), startedAt: new Date(Number(us) / 1000) }
      })
    },
  }
}

function checkBoards(parts: readonly BoardParts[]): void {
  const [first] = parts as [BoardParts]
  const seen = new Set<string>()
  for (const { name, settings } of parts) {
    if (seen.has(name)) throw invalid('boards', name, 'give each board once')
    seen.add(name)
    if (settings.ascending !== first.settings.ascending || settings.scale !== first.settings.scale)
      throw invalid('boards', name, `give boards with the same order and decimals, those of '${first.name}'`)
  }
}

/** A board of one sorted set: of whole numbers if all boards have them. */
function settingsOf(parts: readonly BoardParts[], reverse: boolean): Settings {
  const [{ settings: first }] = parts as [BoardParts]
  const exact = parts.every(({ settings }) => settings.limit !== undefined)
  return {
    ascending: first.ascending,
    windows: [{ kind: 'all-time', name: 'merged' }],
    ties: undefined,
    reverse,
    limit: exact ? Number.MAX_SAFE_INTEGER : undefined,
    scale: first.scale,
    dense: false,
    keep: undefined,
    dedupWindow: undefined,
    events: undefined,
    live: false,
  }
}

/** What a merge is about, as text for its keys. Boards cannot change how they store scores. */
function identityOf(parts: readonly BoardParts[], windows: readonly Window[], more: object): string {
  const boards = parts.map(({ name, settings }, at) => [
    name,
    windows[at]?.name,
    settings.limit !== undefined,
  ])
  return digest(JSON.stringify([boards, more])).slice(1, 17)
}

function layoutOf(
  parts: readonly BoardParts[],
  windows: readonly Window[],
  nowMs: number,
  previous: number,
  own: readonly string[],
  plan: object,
): Layout {
  const keys = [...own]
  let endMs = Infinity
  const sources = parts.map(({ layouts, settings }, at) => {
    const of = layouts.read(windows[at] as Window, { nowMs, previous })
    endMs = Math.min(endMs, of.period.endMs)
    const [planned] = (JSON.parse(of.plan) as { windows: readonly [Planned] }).windows
    const z = planned.z.map((index) => keys.push(of.keys[index - 1] as string))
    const { start, next, finish } = planned
    return { z, start, next, finish, shift: settings.ties?.shift, reverse: settings.reverse || undefined }
  })
  return { keys, plan: JSON.stringify({ ...plan, sources }), period: { startMs: -Infinity, endMs } }
}

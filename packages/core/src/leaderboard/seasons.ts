import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import type { Arg } from '../redis/script.ts'
import {
  leaderboardDeleteSeason,
  leaderboardEndSeason,
  leaderboardSeasonData,
  leaderboardSeasons,
} from '../redis/scripts.gen.ts'
import { createCall } from './board-call.ts'
import { checkFlag } from './flag.ts'
import type { Window } from './options.ts'
import { createReads, type SeasonParts } from './reads.ts'
import { createRewards } from './rewards.ts'
import type { BoardSeason, BoardSeasonInfo, BoardSeasons } from './season-types.ts'
import { createLayouts, type KeyOf } from './windows.ts'

const LONGEST_LIFE_MS = 3660 * 86_400_000

/** Creates the methods that end seasons and read them. */
export function createSeasons(parts: SeasonParts): Pick<BoardSeasons, 'endSeason' | 'season' | 'seasons'> {
  const { name, runtime, settings, layouts, clock, keyOf } = parts
  const { windows } = settings
  const { route } = runtime.keys
  const title = `leaderboard '${name}'`
  const index = keyOf('seasons')
  const list = runtime.bind(leaderboardSeasons, [])
  const copyData = runtime.bind(leaderboardSeasonData, [])
  const remove = runtime.bind(leaderboardDeleteSeason, [])
  const reward = createRewards(parts, (id) => keyOf('season', id, 'rewards'))

  function windowOf(given: string | undefined): Exclude<Window, { kind: 'rolling' }> {
    const window = given === undefined ? windows[0] : windows.find((each) => each.name === given)
    if (!window) throw invalid('window', given, `give one of ${windows.map((each) => each.name).join(', ')}`)
    if (window.kind === 'rolling')
      throw invalid(
        'window',
        window.name,
        'give an all-time or calendar window: a rolling one has no seasons',
      )
    return window
  }

  async function seasons(): Promise<readonly BoardSeasonInfo[]> {
    const lines = (await list(route, index)) as readonly string[]
    const found: (readonly [us: number, BoardSeasonInfo])[] = []
    for (let at = 0; at < lines.length; at += 2) {
      const id = lines[at] as string
      if (!id.startsWith('data ')) found.push(read(id, lines[at + 1] as string))
    }
    // Two seasons may end in the same millisecond.
    return found.toSorted(([a], [b]) => b - a).map(([, info]) => info)
  }

  function read(id: string, record: string): readonly [us: number, BoardSeasonInfo] {
    const [, us, members, window] = /^(\d+) (\d+) (.+)$/.exec(record) ?? []
    if (window === undefined) throw badReply(title, `'${record}' is no season`)
    return [Number(us), { id, window, endedAt: new Date(Number(us) / 1000), members: Number(members) }]
  }

  const infoOf = (id: string, record: string): BoardSeasonInfo => read(id, record)[1]

  function season(id: string): BoardSeason {
    checkName('season', id)
    const partOf: KeyOf = (...part) => keyOf('season', id, ...part)
    const own = { ...settings, windows: [{ kind: 'all-time', name: 'final' }], events: undefined } as const
    const reads = createReads({
      ...parts,
      settings: own,
      layouts: createLayouts(own, partOf),
      key: partOf(),
      dataKey: partOf('data'),
    })
    const info = async (): Promise<BoardSeasonInfo | null> =>
      (await seasons()).find((each) => each.id === id) ?? null
    return {
      id,
      ...reads,
      info,
      reward: (rewards) => reward({ id, reads, info }, rewards),
      async delete() {
        const dense = partOf('all', 'scores')
        return (await remove(route, index, partOf(), dense, partOf('data'), partOf('rewards'), id)) === 1
      },
    }
  }

  return {
    season,
    seasons,
    async endSeason(id, options = {}) {
      checkName('season', id)
      checkOptions('endSeason', options, ['window', 'previous', 'keepFor', 'data'])
      const { previous = 0, keepFor } = options
      const data = checkFlag('data', options.data ?? true)
      const window = windowOf(options.window)
      wholeNumber('previous', previous, 0, window.kind === 'calendar' ? window.previous : 0)
      const life =
        keepFor === undefined ? 0 : durationMs('keepFor', keepFor, { min: 1000, max: LONGEST_LIFE_MS })
      const end = createCall<[id: Arg, window: Arg, current: Arg, life: Arg]>(
        runtime,
        leaderboardEndSeason,
        clock,
        (nowMs) => layouts.season(window, id, { nowMs, previous }),
      )
      const reply = String(await end(1, id, window.name, previous === 0 ? 1 : 0, Math.ceil(life)))
      const ended = { ...infoOf(id, reply.slice(1)), repeated: reply.startsWith('=') }
      if (data) {
        const [ranking, copy] = [keyOf('season', id), keyOf('season', id, 'data')]
        while ((await copyData(route, index, ranking, keyOf('data'), copy, id)) === 1);
      }
      return ended
    },
  }
}

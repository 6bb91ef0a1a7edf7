import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import { badReply } from '../redis/failures.ts'
import type { Runtime } from '../redis/penknife.ts'
import { leaderboardRank, leaderboardRead, leaderboardReadRolling } from '../redis/scripts.gen.ts'
import { checkMember, checkMembers } from './members.ts'
import type { Settings, Window } from './options.ts'
import { createRows, hasAll, itself, places, unescaped } from './rows.ts'
import type { Scores } from './scores.ts'
import type { BoardReadOptions, Leaderboard, RankStyle, Row, WindowChoice } from './types.ts'
import { type BoardClock, type Call, createCall } from './views.ts'
import type { Layouts, When } from './windows.ts'

type ReadItem = [
  what: string,
  style: string,
  /** See lua/_lib/leaderboard/rows.lua. */
  data: 0 | 1 | 2 | 3,
  a: string | number,
  b: string | number,
  c: string | number,
  d: string | number,
]

/** How to read one window, or one former period of it. */
interface View {
  readonly window: Window
  readonly call: Call<ReadItem>
}

/** A read's window, style and whether data come along. */
interface Choice {
  readonly view: View
  readonly style: RankStyle
  readonly data: boolean
}

export type Reads = Pick<
  Leaderboard,
  'top' | 'rank' | 'ranks' | 'around' | 'byScore' | 'count' | 'percentile' | 'scoreAt' | 'among' | 'export'
>

/** Members of a list that are read in one call. */
const CHUNK = 50
/** Rows of several reads that share a call: about half a millisecond of Redis if all of them are searched for. */
const ROWS_OF_A_CALL = 200
const MOST_ITEMS = 64
/** What a member of a list costs beside a row of a page: it is searched for. */
const SEARCH_ROWS = 4
/** Rows of a call with data: they may be 4 KiB each. */
const ROWS_WITH_DATA = 200

export interface ReadParts {
  readonly name: string
  readonly runtime: Runtime
  readonly settings: Settings
  readonly scores: Scores
  readonly layouts: Layouts
  readonly clock: BoardClock
  /** The key of the all-time window. */
  readonly key: string
}

export function createReads({ name, runtime, settings, scores, layouts, clock, key }: ReadParts): Reads {
  const { route } = runtime.keys
  const { windows } = settings
  const views = new Map<string, View>()
  /** The choice of who gives no options. */
  let usual: Choice | undefined
  const { toRow, toRows } = createRows(name, scores)
  const plainRank = runtime.bind(leaderboardRank, [[key]])

  function viewOf(window: Window, when: (nowMs: number) => When): View {
    const script = window.kind === 'rolling' ? leaderboardReadRolling : leaderboardRead
    return { window, call: createCall(runtime, script, clock, (nowMs) => layouts.read(window, when(nowMs))) }
  }

  function choose(options: BoardReadOptions, known: readonly string[]): Choice {
    if (options === NONE && usual) return usual
    checkOptions('read', options, known)
    const { window: asked = windows[0].name, previous = 0, ranks: style = 'ordinal', data = false } = options
    const window = windows.find((each) => each.name === asked)
    if (!window) throw invalid('window', asked, `give one of ${windows.map((each) => each.name).join(', ')}`)
    if (previous !== 0) {
      if (window.kind !== 'calendar') throw invalid('previous', previous, `window ${asked} has no periods`)
      wholeNumber('previous', previous, 0, window.previous)
    }
    if (style !== 'ordinal' && style !== 'competition' && style !== 'dense') {
      throw invalid('ranks', style, "give 'ordinal', 'competition' or 'dense'")
    }
    if (style === 'dense' && !settings.dense) {
      throw invalid('ranks', style, 'make the board with denseRanks: true, from its first update on')
    }
    if (typeof data !== 'boolean') throw invalid('data', data, 'give true or false')
    const id = `${asked}/${previous}`
    let view = views.get(id)
    if (!view) views.set(id, (view = viewOf(window, (nowMs) => ({ nowMs, previous }))))
    const choice = { view, style, data }
    if (options === NONE) usual = choice
    return choice
  }

  const chooseRows = (options: BoardReadOptions, rows: number): Choice => {
    const choice = choose(options, ['window', 'previous', 'ranks', 'data'])
    if (choice.data && rows > ROWS_WITH_DATA) {
      throw invalid('data', true, `ask for at most ${ROWS_WITH_DATA} rows with data`)
    }
    return choice
  }
  const chooseWindow = (options: WindowChoice): Choice => choose(options, ['window', 'previous'])

  /** The lines that a read of lua/_lib/leaderboard/rows.lua gives, or null. Calls share one as the number of their rows allows. */
  async function read(
    { view, style, data }: Choice,
    rows: number,
    what: string,
    ...[a = '', b = '', c = '', d = '']: readonly (string | number)[]
  ): Promise<readonly string[] | null> {
    return linesOf(await view.call(callsFor(rows), what, style, data ? 1 : 0, a, b, c, d))
  }

  /** Rows of the whole board, or null when there is nobody to begin with. */
  async function readRows(
    choice: Choice,
    searched: number,
    what: string,
    ...[a = '', b = '', c = '', d = '']: readonly (string | number)[]
  ): Promise<Row[] | null> {
    const { view, style, data } = choice
    const lines = linesOf(await view.call(callsFor(searched), what, style, data ? 1 : 0, a, b, c, d))
    if (!lines || hasAll(lines, data ? 3 : 2)) return lines && toRows(lines, choice, itself)
    // A foreign member has a line's end in it.
    const exact = linesOf(await view.call(1, what, style, data ? 3 : 2, a, b, c, d))
    if (exact && !hasAll(exact, data ? 3 : 2)) throw badReply(`leaderboard '${name}'`, 'rows are missing')
    return exact && toRows(exact, choice, unescaped)
  }

  /** Rows of members with the values that Redis sorts by, in the order asked for. */
  async function rowsOf(
    members: readonly string[],
    choice: Choice,
  ): Promise<({ value: number; row: Row } | null)[]> {
    const chunks: string[][] = []
    for (let at = 0; at < members.length; at += CHUNK) chunks.push(members.slice(at, at + CHUNK))
    const replies = await Promise.all(
      chunks.map(async (chunk) => {
        const rows = SEARCH_ROWS * chunk.length
        const lines = (await read(choice, rows, 'of', JSON.stringify(chunk))) as readonly string[]
        return chunk.map((member, at) => {
          const value = lines[2 * at] as string
          if (value === '') return null
          const text = lines[2 * chunk.length + at] as string
          return {
            value: Number(value),
            row: toRow(member, value, lines[2 * at + 1] as string, choice, text),
          }
        })
      }),
    )
    return replies.flat()
  }

  return {
    async top(count = 10, from = 1, options = NONE) {
      wholeNumber('count', count, 1, 1000)
      wholeNumber('from', from, 1, Number.MAX_SAFE_INTEGER - 1000)
      const choice = chooseRows(options, count)
      return (await readRows(choice, count, 'range', from - 1, from + count - 2)) ?? []
    },
    async rank(member, options = NONE) {
      checkMember(member)
      const choice = chooseRows(options, 1)
      if (choice.view.window.kind === 'all-time' && choice.style === 'ordinal' && !choice.data) {
        const reply = await plainRank(route, member)
        if (reply === null) return null
        const between = reply.indexOf(' ')
        return toRow(member, reply.slice(between + 1), reply.slice(0, between), choice)
      }
      const lines = await read(choice, SEARCH_ROWS, 'rank', member)
      if (!lines) return null
      const [value, count, text] = lines as [string, string, string]
      return toRow(member, value, count, choice, text)
    },
    async ranks(members, options = NONE) {
      const choice = chooseRows(options, checkMembers(members).length)
      return (await rowsOf(members, choice)).map((found) => found && found.row)
    },
    async around(member, each = 5, options = NONE) {
      checkMember(member)
      wholeNumber('each', each, 0, 500)
      const choice = chooseRows(options, 2 * each + 1)
      return readRows(choice, 2 * each + 1 + SEARCH_ROWS, 'around', member, each)
    },
    async byScore(range, options = NONE) {
      checkOptions('byScore', range, ['min', 'max', 'count', 'from'])
      const { count = 10, from = 1 } = range
      wholeNumber('count', count, 1, 1000)
      wholeNumber('from', from, 1, Number.MAX_SAFE_INTEGER - 1000)
      const choice = chooseRows(options, count)
      const [low, high] = scores.bounds(range)
      return (await readRows(choice, count + SEARCH_ROWS, 'between', low, high, from - 1, count)) ?? []
    },
    async count(range = {}, options = NONE) {
      checkOptions('count', range, ['min', 'max'])
      const [low, high] = scores.bounds(range)
      return Number((await read(chooseWindow(options), SEARCH_ROWS, 'count', low, high))?.[0])
    },
    async percentile(member, options = NONE) {
      checkMember(member)
      const lines = await read(chooseWindow(options), SEARCH_ROWS, 'better', member)
      if (!lines) return null
      const [better, count] = lines.map(Number) as [number, number]
      return (100 * (count - better)) / count
    },
    async scoreAt(percent, options = NONE) {
      if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100)) {
        throw invalid('percent', percent, 'give a number from 0 to 100')
      }
      const lines = await read(chooseWindow(options), SEARCH_ROWS, 'quantile', percent)
      return lines && scores.score(lines[0] as string)
    },
    async among(members, options = NONE) {
      const choice = chooseRows(options, checkMembers(members).length)
      const found = (await rowsOf([...new Set(members)], choice)).filter((each) => each !== null)
      found.sort(
        (a, b) => a.value - b.value || Buffer.compare(Buffer.from(a.row.member), Buffer.from(b.row.member)),
      )
      return places(
        found.map(({ row }) => row),
        choice.style,
      )
    },
    async *export(options = NONE) {
      const { view } = chooseWindow(options)
      let call = view.call
      let cursor = '0'
      // ZSCAN gives a member again when the set shrinks meanwhile.
      const given = new Set<string>()
      do {
        let lines = await scan(call, cursor, 0)
        const exact = !hasAll(lines, 2)
        if (exact) lines = await scan(call, cursor, 2)
        if (cursor === '0' && view.window.kind === 'calendar') {
          call = pinned(view.window, options.previous ?? 0, Number(lines[1]))
        }
        const count = Number(lines[2])
        for (let at = 3; at < 3 + 2 * count; at += 2) {
          const member = exact ? unescaped(lines[at] as string) : (lines[at] as string)
          if (given.has(member)) continue
          given.add(member)
          yield { member, score: scores.score(lines[at + 1] as string) }
        }
        cursor = lines[0] as string
        if (!/^\d+$/.test(cursor))
          throw badReply(`export of leaderboard window '${view.window.name}'`, 'no cursor')
      } while (cursor !== '0')
    },
  }

  /** Reads the calendar period that a first call was answered from, whatever period comes. */
  function pinned(window: Window, previous: number, period: number): Call<ReadItem> {
    const { keys, plan } = layouts.read(window, { nowMs: clock.nowMs(), previous })
    const { windows: planned, ...rest } = JSON.parse(plan) as { windows: { z: readonly number[] }[] }
    const z = [(planned[0]?.z ?? [])[period - 1]]
    const fixed = {
      keys,
      plan: JSON.stringify({ ...rest, windows: [{ z }] }),
      period: { startMs: -Infinity, endMs: Infinity },
    }
    return createCall(runtime, leaderboardRead, clock, () => fixed)
  }
}

/** How many reads of so many rows share a call. */
function callsFor(rows: number): number {
  return Math.max(1, Math.min(MOST_ITEMS, Math.floor(ROWS_OF_A_CALL / rows)))
}

function linesOf(reply: unknown): readonly string[] | null {
  return reply === null ? null : (reply as string).split('\n')
}

async function scan(call: Call<ReadItem>, cursor: string, data: 0 | 2): Promise<readonly string[]> {
  return linesOf(await call(1, 'scan', 'ordinal', data, cursor, '', '', '')) as readonly string[]
}

const NONE: BoardReadOptions = {}

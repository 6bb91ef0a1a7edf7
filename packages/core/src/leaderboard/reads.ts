import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import type { Runtime } from '../redis/penknife.ts'
import type { Reply } from '../redis/script.ts'
import { leaderboardRank, leaderboardRead, leaderboardReadRolling } from '../redis/scripts.gen.ts'
import { checkMember, checkMembers } from './members.ts'
import type { Settings, Window } from './options.ts'
import type { Scores } from './scores.ts'
import type { BoardReadOptions, Leaderboard, RankStyle, Row, SubsetRow, WindowChoice } from './types.ts'
import { type BoardClock, type Call, createCall } from './views.ts'
import type { Layouts, When } from './windows.ts'

type ReadItem = [
  what: string,
  style: string,
  data: string,
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
/** Rows of a call with data: they may be 4 KiB each. */
const ROWS_WITH_DATA = 200

export interface ReadParts {
  readonly runtime: Runtime
  readonly settings: Settings
  readonly scores: Scores
  readonly layouts: Layouts
  readonly clock: BoardClock
  /** The key of the all-time window. */
  readonly key: string
}

export function createReads({ runtime, settings, scores, layouts, clock, key }: ReadParts): Reads {
  const { route } = runtime.keys
  const { windows } = settings
  const views = new Map<string, View>()
  const plainRank = runtime.bind(leaderboardRank, [[key]])

  function viewOf(window: Window, when: (nowMs: number) => When): View {
    const script = window.kind === 'rolling' ? leaderboardReadRolling : leaderboardRead
    return { window, call: createCall(runtime, script, clock, (nowMs) => layouts.read(window, when(nowMs))) }
  }

  function choose(options: BoardReadOptions, known: readonly string[]): Choice {
    checkOptions('read', options, known)
    const { window: name = windows[0].name, previous = 0, ranks: style = 'ordinal', data = false } = options
    const window = windows.find((each) => each.name === name)
    if (!window) throw invalid('window', name, `give one of ${windows.map((each) => each.name).join(', ')}`)
    if (previous !== 0) {
      if (window.kind !== 'calendar') throw invalid('previous', previous, `window ${name} has no periods`)
      wholeNumber('previous', previous, 0, window.previous)
    }
    if (style !== 'ordinal' && style !== 'competition' && style !== 'dense') {
      throw invalid('ranks', style, "give 'ordinal', 'competition' or 'dense'")
    }
    if (style === 'dense' && !settings.dense) {
      throw invalid('ranks', style, 'make the board with denseRanks: true, from its first update on')
    }
    if (typeof data !== 'boolean') throw invalid('data', data, 'give true or false')
    const id = `${name}/${previous}`
    let view = views.get(id)
    if (!view) views.set(id, (view = viewOf(window, (nowMs) => ({ nowMs, previous }))))
    return { view, style, data }
  }

  const chooseRows = (options: BoardReadOptions, rows: number): Choice => {
    const choice = choose(options, ['window', 'previous', 'ranks', 'data'])
    if (choice.data && rows > ROWS_WITH_DATA) {
      throw invalid('data', true, `ask for at most ${ROWS_WITH_DATA} rows with data`)
    }
    return choice
  }
  const chooseWindow = (options: WindowChoice): Choice => choose(options, ['window', 'previous'])

  /** Calls with so few rows that they share a call are told by the number of them. */
  async function read(
    { view, style, data }: Choice,
    rows: number,
    what: string,
    ...[a = '', b = '', c = '', d = '']: readonly (string | number)[]
  ): Promise<readonly Reply[]> {
    const items = Math.max(1, Math.min(64, Math.floor(100 / rows)))
    return (await view.call(items, what, style, data ? '1' : '0', a, b, c, d)) as readonly Reply[]
  }

  function toRows(reply: readonly Reply[], { style, data }: Choice): Row[] {
    const [position, base, flat, kept] = reply as [number, number, readonly string[], readonly Reply[] | null]
    const rows: Row[] = []
    let rank = base
    for (let at = 0; 2 * at < flat.length; at++) {
      const score = scores.score(flat[2 * at + 1] as string)
      const same = at > 0 && rows[at - 1]?.score === score
      if (style === 'ordinal') rank = position + at
      else if (at > 0 && !same) rank = style === 'dense' ? rank + 1 : position + at
      const row = { member: flat[2 * at] as string, score, rank: rank + 1 }
      rows.push(data ? { ...row, data: toData(kept?.[at]) } : row)
    }
    return rows
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
        const [values, kept] = (await read(choice, chunk.length, 'of', JSON.stringify(chunk))) as [
          readonly (string | null)[],
          readonly Reply[] | null,
        ]
        return chunk.map((member, at) => {
          const value = values[2 * at] ?? null
          if (value === null) return null
          const row = { member, score: scores.score(value), rank: Number(values[2 * at + 1]) + 1 }
          return { value: Number(value), row: choice.data ? { ...row, data: toData(kept?.[at]) } : row }
        })
      }),
    )
    return replies.flat()
  }

  return {
    async top(count = 10, from = 1, options = {}) {
      wholeNumber('count', count, 1, 1000)
      wholeNumber('from', from, 1, Number.MAX_SAFE_INTEGER - 1000)
      const choice = chooseRows(options, count)
      return toRows(await read(choice, count, 'range', from - 1, from + count - 2), choice)
    },
    async rank(member, options = {}) {
      checkMember(member)
      const choice = chooseRows(options, 1)
      if (choice.view.window.kind === 'all-time' && choice.style === 'ordinal' && !choice.data) {
        const reply = await plainRank(route, member)
        if (reply === null) return null
        const between = reply.indexOf(' ')
        const score = scores.score(reply.slice(between + 1))
        return { member, score, rank: Number(reply.slice(0, between)) + 1 }
      }
      const reply = await read(choice, 1, 'around', member, 0)
      return reply.length === 0 ? null : (toRows(reply, choice)[0] ?? null)
    },
    async ranks(members, options = {}) {
      const choice = chooseRows(options, checkMembers(members).length)
      return (await rowsOf(members, choice)).map((found) => found && found.row)
    },
    async around(member, each = 5, options = {}) {
      checkMember(member)
      wholeNumber('each', each, 0, 500)
      const choice = chooseRows(options, 2 * each + 1)
      const reply = await read(choice, 2 * each + 1, 'around', member, each)
      return reply.length === 0 ? null : toRows(reply, choice)
    },
    async byScore(range, options = {}) {
      checkOptions('byScore', range, ['min', 'max', 'count', 'from'])
      const { count = 10, from = 1 } = range
      wholeNumber('count', count, 1, 1000)
      wholeNumber('from', from, 1, Number.MAX_SAFE_INTEGER - 1000)
      const choice = chooseRows(options, count)
      const [low, high] = scores.bounds(range)
      return toRows(await read(choice, count, 'between', low, high, from - 1, count), choice)
    },
    async count(range = {}, options = {}) {
      checkOptions('count', range, ['min', 'max'])
      const [low, high] = scores.bounds(range)
      return Number((await read(chooseWindow(options), 1, 'count', low, high))[0])
    },
    async percentile(member, options = {}) {
      checkMember(member)
      const [better, count] = await read(chooseWindow(options), 1, 'better', member)
      return better === undefined ? null : (100 * (Number(count) - Number(better))) / Number(count)
    },
    async scoreAt(percent, options = {}) {
      if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100)) {
        throw invalid('percent', percent, 'give a number from 0 to 100')
      }
      const [value] = await read(chooseWindow(options), 1, 'quantile', percent)
      return value === undefined ? null : scores.score(value as string)
    },
    async among(members, options = {}) {
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
    async *export(options = {}) {
      const { view } = chooseWindow(options)
      let call = view.call
      let cursor = '0'
      // ZSCAN gives a member again when the set shrinks meanwhile.
      const given = new Set<string>()
      do {
        const reply = (await call(1, 'scan', 'ordinal', '0', cursor, '', '', '')) as [
          string,
          number,
          readonly string[],
        ]
        const [next, period, flat] = reply
        if (cursor === '0' && view.window.kind === 'calendar') {
          call = pinned(view.window, options.previous ?? 0, period)
        }
        for (let at = 0; at < flat.length; at += 2) {
          const member = flat[at] as string
          if (given.has(member)) continue
          given.add(member)
          yield { member, score: scores.score(flat[at + 1] as string) }
        }
        cursor = next
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

function toData(text: Reply | undefined): unknown {
  return typeof text === 'string' ? JSON.parse(text) : null
}

/** Rows, the best first, with their places in a style. */
function places(rows: readonly Row[], style: RankStyle): SubsetRow[] {
  const placed: SubsetRow[] = []
  for (const [at, row] of rows.entries()) {
    const before = placed.at(-1)
    let place = at + 1
    if (style !== 'ordinal' && before) {
      if (before.score === row.score) place = before.place
      else if (style === 'dense') place = before.place + 1
    }
    placed.push({ ...row, place })
  }
  return placed
}

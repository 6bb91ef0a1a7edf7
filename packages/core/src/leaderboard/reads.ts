import { invalid } from '../errors.ts'
import { checkOptions, wholeNumber } from '../options.ts'
import type { Runtime } from '../redis/penknife.ts'
import { leaderboardDescribed, leaderboardRank } from '../redis/scripts.gen.ts'
import { createChoices, NONE } from './choice.ts'
import { exportOf } from './export.ts'
import { checkFlag } from './flag.ts'
import { checkMember, checkMembers } from './members.ts'
import type { Settings } from './options.ts'
import { createRowReader, SEARCH_ROWS } from './row-reader.ts'
import { createRows, places } from './rows.ts'
import type { Scores } from './scores.ts'
import type { BoardReads } from './reading-types.ts'
import type { BoardClock } from './board-call.ts'
import type { KeyOf, Layouts } from './windows.ts'

export interface ReadParts {
  readonly name: string
  readonly runtime: Runtime
  readonly settings: Settings
  readonly scores: Scores
  readonly layouts: Layouts
  readonly clock: BoardClock
  /** The key of the all-time window. */
  readonly key: string
  /** The key of the members' data. */
  readonly dataKey: string
}

/** The parts of the board that seasons use. */
export interface SeasonParts extends ReadParts {
  readonly space: string
  readonly keyOf: KeyOf
}

const BOUNDS = ['min', 'max', 'above', 'below']
/** The most rows that lua/_lib/leaderboard/rows.lua adds up in a call. */
const SUMMED_ROWS = 1000

export function createReads(parts: ReadParts): BoardReads {
  const { name, runtime, settings, scores, layouts, clock, key, dataKey } = parts
  const { route } = runtime.keys
  const choices = createChoices(runtime, settings, layouts, clock)
  const rows = createRows(name, scores)
  const { toRow } = rows
  const reader = createRowReader(name, rows)
  const described = runtime.bind(leaderboardDescribed, [[dataKey]])
  const plainRank = runtime.bind(leaderboardRank, [[key]])

  return {
    async top(count = 10, from = 1, options = NONE) {
      wholeNumber('count', count, 1, 1000)
      wholeNumber('from', from, 1, Number.MAX_SAFE_INTEGER - 1000)
      const choice = choices.rows(options, count)
      return (await reader.rows(choice, count, 'range', from - 1, from + count - 2)) ?? []
    },
    async rank(member, options = NONE) {
      checkMember(member)
      const choice = choices.rows(options, 1)
      if (
        !settings.reverse &&
        choice.view.window.kind === 'all-time' &&
        choice.style === 'ordinal' &&
        !choice.data
      ) {
        const reply = await plainRank(route, member)
        if (reply === null) return null
        const between = reply.indexOf(' ')
        return toRow(member, reply.slice(between + 1), reply.slice(0, between), choice)
      }
      const lines = await reader.lines(choice, SEARCH_ROWS, 'rank', member)
      if (!lines) return null
      const [value, count, text] = lines as [string, string, string]
      return toRow(member, value, count, choice, text)
    },
    async ranks(members, options = NONE) {
      const choice = choices.rows(options, checkMembers(members).length)
      return (await reader.of(members, choice)).map((found) => found && found.row)
    },
    async around(member, each = 5, options = NONE) {
      checkMember(member)
      wholeNumber('each', each, 0, 500)
      const choice = choices.rows(options, 2 * each + 1, 'fill')
      const fill = checkFlag('fill', options.fill)
      return reader.rows(choice, 2 * each + 1 + SEARCH_ROWS, 'around', member, each, fill ? 1 : 0)
    },
    async rankFor(score, options = NONE) {
      const choice = choices.window(options, 'ranks')
      const { style } = choice
      const bound = scores.ahead(score)[style]
      const lines =
        style === 'dense'
          ? await reader.lines(choice, SEARCH_ROWS, 'different', bound)
          : await reader.lines(choice, SEARCH_ROWS, 'count', '', bound)
      return Number(lines?.[0]) + 1
    },
    async byScore(range, options = NONE) {
      checkOptions('byScore', range, [...BOUNDS, 'count', 'from'])
      const { count = 10, from = 1 } = range
      wholeNumber('count', count, 1, 1000)
      wholeNumber('from', from, 1, Number.MAX_SAFE_INTEGER - 1000)
      const choice = choices.rows(options, count)
      const [low, high] = scores.bounds(range)
      return (await reader.rows(choice, count + SEARCH_ROWS, 'between', low, high, from - 1, count)) ?? []
    },
    async count(range = {}, options = NONE) {
      checkOptions('count', range, BOUNDS)
      const [low, high] = scores.bounds(range)
      return Number((await reader.lines(choices.window(options), SEARCH_ROWS, 'count', low, high))?.[0])
    },
    async sum(options = NONE) {
      const choice = choices.window(options)
      const lines = await reader.lines(choice, SUMMED_ROWS, 'sum')
      if (lines) return scores.ofUnits(lines[0] as string)
      let units = 0
      for await (const { score } of exportOf(choice.view, options.previous ?? 0, parts))
        units += scores.inUnits(score)
      return scores.ofUnits(units)
    },
    async percentile(member, options = NONE) {
      checkMember(member)
      const choice = choices.window(options, 'interpolate')
      if (checkFlag('interpolate', options.interpolate)) {
        const lines = await reader.lines(choice, SEARCH_ROWS, 'worse', member)
        if (!lines) return null
        const [worse, count] = lines.map(Number) as [number, number]
        return count === 1 ? 100 : (100 * worse) / (count - 1)
      }
      const lines = await reader.lines(choice, SEARCH_ROWS, 'better', member)
      if (!lines) return null
      const [better, count] = lines.map(Number) as [number, number]
      return (100 * (count - better)) / count
    },
    async scoreAt(percent, options = NONE) {
      if (typeof percent !== 'number' || !(percent >= 0 && percent <= 100)) {
        throw invalid('percent', percent, 'give a number from 0 to 100')
      }
      const choice = choices.window(options, 'interpolate')
      const interpolate = checkFlag('interpolate', options.interpolate)
      const what = interpolate ? 'interpolated' : 'quantile'
      const lines = await reader.lines(choice, SEARCH_ROWS, what, percent)
      if (!lines) return null
      const score = scores.score(lines[0] as string)
      const share = interpolate ? Number(lines[2]) : 0
      if (share === 0) return score
      const next = scores.score(lines[1] as string)
      // The difference of two scores may be too large for a double.
      return next === score ? score : score * (1 - share) + next * share
    },
    async among(members, options = NONE) {
      const choice = choices.rows(options, checkMembers(members).length)
      const found = (await reader.of([...new Set(members)], choice)).filter((each) => each !== null)
      const sign = settings.reverse ? -1 : 1
      found.sort(
        (a, b) =>
          sign * (a.value - b.value || Buffer.compare(Buffer.from(a.row.member), Buffer.from(b.row.member))),
      )
      return places(
        found.map(({ row }) => row),
        choice.style,
      )
    },
    async data(member) {
      checkMember(member)
      return rows.toData(member, (await described(route, member)) ?? '')
    },
    async *export(options = NONE) {
      yield* exportOf(choices.window(options).view, options.previous ?? 0, parts)
    },
  }
}

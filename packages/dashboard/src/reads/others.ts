import { type InspectFeature } from '@penknife/core'

import type { BoardMemberRow, DashboardReads, ObjectRow, Page } from '../api-types.ts'
import { name, optional, page, pageOf, subject, text, whole, withDefault } from '../input.ts'
import { type Dashboard, read, type Read } from '../route.ts'
import { BRIEF, WHOLE } from '../shown.ts'
import { VERSION } from '../version.ts'

const MOST_TEXT = 256
const MOST_DENIED = 50

type Names = Exclude<
  keyof DashboardReads,
  'streams' | 'stream' | 'entries' | 'tagged' | 'entry' | 'dead-groups' | 'dead' | 'dead-letter' | 'schedules'
>

export const otherReads: { readonly [Name in Names]: Read<DashboardReads[Name]['answer']> } = {
  session: read({}, async (_none, { options }, { user, role }) => ({
    user,
    role,
    version: VERSION,
    title: options.title,
    audit: { space: options.auditSpace, stream: 'audit' },
    mostBodyBytes: MOST_BODY_BYTES,
  })),
  overview: read({}, (_none, { overview }) => overview.read()),
  spaces: read(page, async (at, { inspector }) => inspector.spaces(pageOf(at))),
  audit: read(page, async ({ limit, after }, { audit }) => audit.read(limit, after)),

  limiters: read({ space: name, ...page }, async ({ space, ...at }, { inspector }) =>
    inspector.limiters(space, pageOf(at)),
  ),
  limiter: read({ space: name, limiter: name, ...page }, async ({ space, limiter, ...at }, { inspector }) => {
    const [state, opened] = await Promise.all([
      inspector.limiterState(space, limiter),
      inspector.limiter(space, limiter),
    ])
    const { items, next } = await opened.blocks(pageOf(at))
    return { limiter: state, parts: state.parts, blocks: { items, next } }
  }),
  subject: read(
    { space: name, limiter: name, subject, cost: withDefault(whole(1, 1_000_000), 1) },
    ({ space, limiter, subject: of, cost }, { inspector }) =>
      inspector.explainSubject(space, limiter, of, { cost }),
  ),
  denied: read({ space: name, limiter: optional(name) }, async ({ space, limiter: only }, { inspector }) => {
    const { items: listed } =
      only === undefined ? await inspector.limiters(space) : { items: [{ name: only }] }
    const answers = await Promise.all(listed.map((each) => inspector.deniedSubjects(space, each.name)))
    const items = answers
      .flatMap(({ limiter, atMostMissing, items: rows }) =>
        rows.map((row) => ({ limiter, atMostMissing, ...row })),
      )
      .toSorted((a, b) => b.count - a.count)
      .slice(0, MOST_DENIED)
    return { overMs: Math.max(0, ...answers.map(({ overMs }) => overMs)), items }
  }),

  boards: objects('leaderboard'),
  board: read(
    {
      space: name,
      board: name,
      window: optional(name),
      previous: withDefault(whole(0, 100), 0),
      from: withDefault(whole(1, 999_999_999), 1),
      limit: withDefault(whole(1, 200), 50),
    },
    async ({ space, board, window: given, previous, from, limit }, dashboard) => {
      const opened = await dashboard.inspector.leaderboard(space, board)
      const window = given ?? opened.windows[0] ?? ''
      const options = { window, previous }
      const [rows, count] = await Promise.all([
        opened.top(limit, from, { ...options, data: true }),
        opened.count({}, options),
      ])
      return {
        board,
        windows: opened.windows,
        window,
        count,
        rows: rows.map((row) => memberRow(dashboard, space, board, row, BRIEF)),
      }
    },
  ),
  member: read(
    { space: name, board: name, member: text(MOST_TEXT) },
    async ({ space, board, member }, dashboard) => {
      const opened = await dashboard.inspector.leaderboard(space, board)
      const [data, windows] = await Promise.all([
        opened.data(member),
        Promise.all(
          opened.windows.map(async (window) => {
            const row = await opened.rank(member, { window })
            return { window, ...(row ? { row: memberRow(dashboard, space, board, row, BRIEF) } : {}) }
          }),
        ),
      ])
      return {
        member,
        windows,
        ...(data === null
          ? {}
          : { data: dashboard.show(JSON.stringify(data), { space, kind: 'member', board }, WHOLE) }),
      }
    },
  ),

  notifiers: objects('notifier'),
  channel: read(
    { space: name, notifier: name, channel: text(MOST_TEXT), ...page },
    async ({ space, notifier, channel, ...at }, dashboard) => {
      const { items, next, lost, position } = await dashboard.inspector.history(
        space,
        notifier,
        channel,
        pageOf(at),
      )
      return {
        channel,
        end: position,
        items: items.map(({ id, type, json }) => ({
          id: id ?? '',
          type,
          data: dashboard.show(json, { space, kind: 'event', notifier, channel }, BRIEF),
        })),
        next,
        lost,
      }
    },
  ),

  locks: objects('lock'),
  lock: read({ space: name, lock: name, key: text(MOST_TEXT) }, ({ space, lock, key }, { inspector }) =>
    inspector.explainLock(space, lock, key),
  ),
}

/** The longest body of an action in bytes: a payload of 1 MiB, and as much again for its escapes. */
export const MOST_BODY_BYTES: number = 2 << 20

function objects(feature: InspectFeature): Read<Page<ObjectRow>> {
  return read({ space: name, ...page }, async ({ space, ...at }, { inspector }) => {
    const { items, next } = await inspector.objects(space, { ...pageOf(at), feature })
    return {
      items: items.map(({ name: of, seenAtMs, options }) => ({ name: of, seenAtMs, options })),
      next,
    }
  })
}

interface Row {
  readonly member: string
  readonly score: number
  readonly rank: number
  readonly data?: unknown
}

function memberRow(
  dashboard: Dashboard,
  space: string,
  board: string,
  row: Row,
  most: number,
): BoardMemberRow {
  const { member, score, rank, data } = row
  if (data === undefined || data === null) return { member, score, rank }
  return {
    member,
    score,
    rank,
    data: dashboard.show(JSON.stringify(data), { space, kind: 'member', board }, most),
  }
}

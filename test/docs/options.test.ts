import { readdirSync, readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The source of a folder's files that declares an interface: files may be split and renamed. */
function declaring(folder: string, name: string): string {
  const files = readdirSync(new URL(`../../${folder}`, import.meta.url), {
    recursive: true,
    encoding: 'utf8',
  })
  const sources = files.filter((file) => file.endsWith('.ts')).map((file) => read(`${folder}/${file}`))
  const found = sources.filter((source) => new RegExp(`export interface ${name}\\b`).test(source))
  if (found.length !== 1) throw new Error(`${found.length} files of ${folder} export the interface ${name}`)
  return found[0] as string
}

/** The names of an interface's members, as its source has them. */
function membersOf(folder: string, name: string): string[] {
  const body =
    new RegExp(`interface ${name}\\b[^{]*\\{\\n([^]*?)\\n\\}`).exec(declaring(folder, name))?.[1] ?? ''
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, member]) => member as string)
}

const LIMITER = 'packages/core/src/limiter'
const STREAM = 'packages/core/src/stream'
const BOARD = 'packages/core/src/leaderboard'
const NOTIFIER = 'packages/core/src/notifier'
const GUARD = 'packages/core/src/guard'
const REDIS = 'packages/core/src/redis'
const HTTP = 'packages/http/src'
const METRICS = 'packages/core/src/metrics'
const TRACING = 'packages/core/src/tracing'

test.each([
  ['docs/rate-limiting.md', LIMITER, 'RateLimiterOptions'],
  ['docs/rate-limiting.md', LIMITER, 'RateLimiter'],
  ['docs/rate-limiting.md', LIMITER, 'LimiterWaitOptions'],
  ['docs/rate-limiting.md', LIMITER, 'LimiterReserveOptions'],
  ['docs/rate-limiting.md', LIMITER, 'LimiterBlockOptions'],
  ['docs/rate-limiting.md', LIMITER, 'LimiterSetOptions'],
  ['docs/rate-limiting.md', LIMITER, 'LimiterBlocksOptions'],
  ['docs/rate-limiting.md', LIMITER, 'CalendarRule'],
  ['docs/rate-limiting.md', LIMITER, 'ConcurrencyRule'],
  ['docs/rate-limiting.md', LIMITER, 'LimiterDenyCacheOptions'],
  ['docs/rate-limiting.md', LIMITER, 'LimiterLocalOptions'],
  ['docs/rate-limiting.md', LIMITER, 'LimiterBanOptions'],
  ['docs/leaderboards.md', BOARD, 'RanksOnOptions'],
  ['docs/leaderboards.md', BOARD, 'BoardMergeOptions'],
  ['docs/metrics.md', METRICS, 'MetricsOptions'],
  ['docs/metrics.md', METRICS, 'MetricsSharedOptions'],
  ['docs/metrics.md', METRICS, 'Metrics'],
  ['docs/tracing.md', TRACING, 'TracingOptions'],
  ['docs/tracing.md', TRACING, 'Tracing'],
  ['docs/middleware.md', HTTP, 'RateLimitOptions'],
  ['docs/middleware.md', HTTP, 'HeaderOptions'],
  ['docs/middleware.md', HTTP, 'LeaderboardRouteOptions'],
  ['docs/middleware.md', HTTP, 'NotificationsOptions'],
  ['docs/notifications.md', 'packages/core/src/live', 'LiveRateOptions'],
  ['docs/notifications.md', NOTIFIER, 'PresenceOptions'],
  ['docs/notifications.md', NOTIFIER, 'Presence'],
  ['docs/request-log.md', HTTP, 'RequestLogOptions'],
  ['docs/request-log.md', HTTP, 'RequestEntry'],
  ['docs/plugins.md', HTTP, 'Exchange'],
  ['docs/streams.md', STREAM, 'StreamRetention'],
  ['docs/streams.md', STREAM, 'StreamAddOptions'],
  ['docs/streams.md', STREAM, 'StreamReadOptions'],
  ['docs/streams.md', STREAM, 'WorkerBatchOptions'],
  ['docs/streams.md', STREAM, 'Delivery'],
  ['docs/streams.md', STREAM, 'Worker'],
  ['docs/streams.md', STREAM, 'Stream'],
  ['docs/results.md', STREAM, 'StreamResultOptions'],
  ['docs/results.md', STREAM, 'StreamEntryState'],
  ['docs/results.md', STREAM, 'StreamEntryChange'],
  ['docs/schedules.md', STREAM, 'StreamScheduleOptions'],
  ['docs/schedules.md', STREAM, 'StreamSchedule'],
  ['docs/schedules.md', STREAM, 'StreamSchedules'],
  ['docs/schedules.md', STREAM, 'StreamScheduleListOptions'],
  ['docs/managing-streams.md', STREAM, 'DeadLetter'],
  ['docs/managing-streams.md', STREAM, 'StreamReplayOptions'],
  ['docs/managing-streams.md', STREAM, 'StreamTagLimits'],
  ['docs/managing-streams.md', STREAM, 'StreamTaggedOptions'],
  ['docs/managing-streams.md', STREAM, 'StreamStats'],
  ['docs/managing-streams.md', STREAM, 'StreamGroupStats'],
  ['docs/managing-streams.md', STREAM, 'DeadLetterFilter'],
  ['docs/managing-streams.md', STREAM, 'DeadLetterListOptions'],
  ['docs/managing-streams.md', STREAM, 'StreamGroup'],
  ['docs/leaderboards.md', BOARD, 'LeaderboardOptions'],
  ['docs/leaderboards.md', BOARD, 'Leaderboard'],
  ['docs/leaderboards.md', BOARD, 'BoardCalendarWindow'],
  ['docs/leaderboards.md', BOARD, 'BoardRollingWindow'],
  ['docs/leaderboards.md', BOARD, 'BoardFirstComeTies'],
  ['docs/leaderboards.md', BOARD, 'BoardEventOptions'],
  ['docs/notifications.md', NOTIFIER, 'NotifierFollowOptions'],
  ['docs/notifications.md', NOTIFIER, 'NotifierSubscription'],
  ['docs/notifications.md', NOTIFIER, 'NotifierHistoryPage'],
  ['docs/notifications.md', NOTIFIER, 'Notifier'],
  ['docs/operations.md', REDIS, 'ConnectOptions'],
  ['docs/operations.md', REDIS, 'BreakerOptions'],
  ['docs/operations.md', REDIS, 'Health'],
])('%s names every member that %s has in %s', (page, folder, name) => {
  const members = membersOf(folder, name)
  expect(members.length).toBeGreaterThan(0)
  const text = read(page)
  expect(members.filter((member) => !new RegExp(`\\b${member}\\b`).test(text))).toEqual([])
})

test.each([
  ['docs/rate-limiting.md', 'createRateLimiter(space, name, options)', LIMITER, 'RateLimiterOptions'],
  ['docs/streams.md', 'createStream(space, name, options)', STREAM, 'StreamOptions'],
  ['docs/streams.md', 'stream.worker(group, handler, options)', STREAM, 'WorkerOptions'],
  ['docs/leaderboards.md', 'createLeaderboard(space, name, options)', BOARD, 'LeaderboardOptions'],
  ['docs/notifications.md', 'createNotifier(space, name, options)', NOTIFIER, 'NotifierOptions'],
  ['docs/notifications.md', 'notifier.publish(channel, data, options)', NOTIFIER, 'NotifierPublishOptions'],
  ['docs/coordination.md', 'createCounters(space, name, options)', GUARD, 'CountersOptions'],
  ['docs/coordination.md', 'createOnce(space, name, options)', GUARD, 'OnceOptions'],
  ['docs/coordination.md', 'createDeduper(space, name, options)', GUARD, 'DeduperOptions'],
  ['docs/coordination.md', 'createLock(space, name, options)', GUARD, 'LockOptions'],
  ['docs/coordination.md', 'createObjects(space, name, options)', GUARD, 'ObjectsOptions'],
  ['docs/middleware.md', 'leaderboard(board, options)', HTTP, 'LeaderboardRouteOptions'],
  ['docs/middleware.md', 'notifications(notifier, options)', HTTP, 'NotificationsOptions'],
  ['docs/request-log.md', 'Options', HTTP, 'RequestLogOptions'],
  ['docs/accept.md', 'Options', HTTP, 'AcceptOptions'],
  ['docs/accept.md', 'Over a WebSocket', HTTP, 'AcceptSocketsOptions'],
  ['docs/dashboard.md', 'Options', 'packages/dashboard/src', 'DashboardOptions'],
])('the table of %s below "%s" has exactly the options of the type', (page, heading, folder, name) => {
  const [, section = ''] = read(page).split(new RegExp(`\\n#{2,3} ${heading.replaceAll(/[()]/g, '\\$&')}\\n`))
  const [table = ''] = section.split(/\n#{2,3} /)
  const rows = [...table.matchAll(/^\| `(\w+)` /gm)].map(([, option]) => option)
  expect(new Set(rows)).toEqual(new Set(membersOf(folder, name)))
})

// Programs with exactOptionalPropertyTypes forward options of their own, of which some are undefined. Not what chooses what a call
// deletes: there a value that is missing by mistake would choose everything.
test('every option of the packages takes undefined for its default', () => {
  const kinds = 'Options|Choice|Rule|Retention|Limits|Band|Window|Ties|Sampling|Rewards|Reply'
  const interfaces = new RegExp(`interface (\\w*(?:${kinds}))\\b[^{]*\\{([^]*?)\\n\\}`, 'g')
  const strict: string[] = []
  let members = 0
  for (const report of readdirSync(new URL('../../api', import.meta.url))) {
    for (const [, name, body = ''] of read(`api/${report}`).matchAll(interfaces)) {
      for (const text of body.split(/\n {4}(?=[\w/])/)) {
        const [, member, type] = /^(?:readonly )?(\w+)\?(?:: )?([^]*);$/.exec(text.trim()) ?? []
        if (member === undefined || type === undefined) continue
        members += 1
        if (!/(?:\| undefined|^unknown)$/.test(type)) strict.push(`${name}.${member}: ${type}`)
      }
    }
  }
  expect(members).toBeGreaterThan(400)
  expect(strict).toEqual([])
})

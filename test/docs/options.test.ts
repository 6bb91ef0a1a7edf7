import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The names of an interface's members, as its source has them. */
function membersOf(source: string, name: string): string[] {
  const body = new RegExp(`interface ${name}\\b[^{]*\\{\\n([^]*?)\\n\\}`).exec(source)?.[1] ?? ''
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, member]) => member as string)
}

const LIMITER = 'packages/core/src/limiter/types.ts'
const STREAM = 'packages/core/src/stream/types.ts'
const BOARD = 'packages/core/src/leaderboard/types.ts'
const NOTIFIER = 'packages/core/src/notifier/types.ts'

test.each([
  ['docs/rate-limiting.md', LIMITER, 'RateLimiterOptions'],
  ['docs/rate-limiting.md', LIMITER, 'RateLimiter'],
  ['docs/rate-limiting.md', LIMITER, 'WaitOptions'],
  ['docs/rate-limiting.md', LIMITER, 'ReserveOptions'],
  ['docs/rate-limiting.md', LIMITER, 'BlockOptions'],
  ['docs/rate-limiting.md', LIMITER, 'CalendarRule'],
  ['docs/rate-limiting.md', LIMITER, 'ConcurrencyRule'],
  ['docs/rate-limiting.md', 'packages/core/src/limiter/deny-cache.ts', 'DenyCacheOptions'],
  ['docs/rate-limiting.md', 'packages/core/src/limiter/local/local.ts', 'LocalOptions'],
  ['docs/middleware.md', 'packages/http/src/rate-limit/options.ts', 'RateLimitOptions'],
  ['docs/middleware.md', 'packages/http/src/rate-limit/headers.ts', 'HeaderOptions'],
  ['docs/middleware.md', 'packages/http/src/leaderboard/options.ts', 'LeaderboardRouteOptions'],
  ['docs/middleware.md', 'packages/http/src/notifications/options.ts', 'NotificationsOptions'],
  ['docs/request-log.md', 'packages/http/src/request-log/options.ts', 'RequestLogOptions'],
  ['docs/request-log.md', 'packages/http/src/request-log/entry.ts', 'RequestEntry'],
  ['docs/plugins.md', 'packages/http/src/exchange/exchange.ts', 'Exchange'],
  ['docs/streams.md', STREAM, 'Retention'],
  ['docs/streams.md', STREAM, 'AddOptions'],
  ['docs/streams.md', STREAM, 'ReadOptions'],
  ['docs/streams.md', STREAM, 'BatchWorkerOptions'],
  ['docs/streams.md', STREAM, 'Delivery'],
  ['docs/streams.md', STREAM, 'Worker'],
  ['docs/streams.md', STREAM, 'Stream'],
  ['docs/managing-streams.md', STREAM, 'DeadLetter'],
  ['docs/managing-streams.md', 'packages/core/src/stream/replay.ts', 'ReplayOptions'],
  ['docs/managing-streams.md', 'packages/core/src/stream/stats.ts', 'StreamStats'],
  ['docs/managing-streams.md', 'packages/core/src/stream/stats.ts', 'GroupStats'],
  ['docs/managing-streams.md', 'packages/core/src/stream/dead-letters.ts', 'DeadLetterFilter'],
  ['docs/managing-streams.md', 'packages/core/src/stream/dead-letters.ts', 'DeadLetterListOptions'],
  ['docs/managing-streams.md', 'packages/core/src/stream/groups.ts', 'Group'],
  ['docs/leaderboards.md', BOARD, 'LeaderboardOptions'],
  ['docs/leaderboards.md', BOARD, 'Leaderboard'],
  ['docs/leaderboards.md', BOARD, 'CalendarWindow'],
  ['docs/leaderboards.md', BOARD, 'RollingWindow'],
  ['docs/leaderboards.md', BOARD, 'FirstComeTies'],
  ['docs/leaderboards.md', BOARD, 'BoardEventOptions'],
  ['docs/notifications.md', NOTIFIER, 'FollowOptions'],
  ['docs/notifications.md', NOTIFIER, 'Subscription'],
  ['docs/notifications.md', NOTIFIER, 'HistoryPage'],
  ['docs/notifications.md', NOTIFIER, 'Notifier'],
  ['docs/operations.md', 'packages/core/src/redis/penknife.ts', 'ConnectOptions'],
  ['docs/operations.md', 'packages/core/src/redis/breaker.ts', 'BreakerOptions'],
  ['docs/operations.md', 'packages/core/src/redis/health.ts', 'Health'],
])('%s names everything that %s has in %s', (page, source, name) => {
  const members = membersOf(read(source), name)
  expect(members.length).toBeGreaterThan(0)
  const text = read(page)
  expect(members.filter((member) => !new RegExp(`\\b${member}\\b`).test(text))).toEqual([])
})

test.each([
  ['docs/rate-limiting.md', 'createRateLimiter(space, options)', LIMITER, 'RateLimiterOptions'],
  ['docs/streams.md', 'createStream(space, name, options)', STREAM, 'StreamOptions'],
  ['docs/streams.md', 'stream.worker(group, handler, options)', STREAM, 'WorkerOptions'],
  ['docs/leaderboards.md', 'createLeaderboard(space, name, options)', BOARD, 'LeaderboardOptions'],
  ['docs/notifications.md', 'createNotifier(space, options)', NOTIFIER, 'NotifierOptions'],
  ['docs/notifications.md', 'notifier.publish(channel, data, options)', NOTIFIER, 'PublishOptions'],
  [
    'docs/middleware.md',
    'leaderboard(board, options)',
    'packages/http/src/leaderboard/options.ts',
    'LeaderboardRouteOptions',
  ],
  [
    'docs/middleware.md',
    'notifications(notifier, options)',
    'packages/http/src/notifications/options.ts',
    'NotificationsOptions',
  ],
  ['docs/request-log.md', 'Options', 'packages/http/src/request-log/options.ts', 'RequestLogOptions'],
])('the table of %s below "%s" has the options that there are', (page, heading, source, name) => {
  const [, section = ''] = read(page).split(new RegExp(`\\n#{2,3} ${heading.replaceAll(/[()]/g, '\\$&')}\\n`))
  const [table = ''] = section.split(/\n#{2,3} /)
  const rows = [...table.matchAll(/^\| `(\w+)` /gm)].map(([, option]) => option)
  expect(new Set(rows)).toEqual(new Set(membersOf(read(source), name)))
})

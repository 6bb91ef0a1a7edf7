import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The names of an interface's members, as its source has them. */
function membersOf(source: string, name: string): string[] {
  const body = new RegExp(`interface ${name}\\b[^{]*\\{\\n([^]*?)\\n\\}`).exec(source)?.[1] ?? ''
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, member]) => member as string)
}

const LIMITER = 'packages/core/src/limiter/types.ts'
const BOARD = 'packages/core/src/leaderboard/types.ts'
const GUARD = 'packages/core/src/guard'

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
  ['docs/middleware.md', 'packages/http/src/request-log/options.ts', 'RequestLogOptions'],
  ['docs/leaderboards.md', BOARD, 'LeaderboardOptions'],
  ['docs/leaderboards.md', BOARD, 'Leaderboard'],
  ['docs/leaderboards.md', BOARD, 'CalendarWindow'],
  ['docs/leaderboards.md', BOARD, 'RollingWindow'],
  ['docs/leaderboards.md', BOARD, 'FirstComeTies'],
  ['docs/leaderboards.md', BOARD, 'BoardEventOptions'],
  ['docs/operations.md', 'packages/core/src/redis/breaker.ts', 'BreakerOptions'],
  ['docs/coordination.md', `${GUARD}/counter-types.ts`, 'CountersOptions'],
  ['docs/coordination.md', `${GUARD}/dedup-types.ts`, 'OnceOptions'],
  ['docs/coordination.md', `${GUARD}/dedup-types.ts`, 'DeduperOptions'],
  ['docs/coordination.md', `${GUARD}/lock-types.ts`, 'LockOptions'],
])('%s names everything that %s has in %s', (page, source, name) => {
  const members = membersOf(read(source), name)
  expect(members.length).toBeGreaterThan(0)
  const text = read(page)
  expect(members.filter((member) => !new RegExp(`\\b${member}\\b`).test(text))).toEqual([])
})

test.each([
  ['docs/rate-limiting.md', 'Options of a limiter', LIMITER, 'RateLimiterOptions'],
  ['docs/leaderboards.md', 'Options of a board', BOARD, 'LeaderboardOptions'],
  [
    'docs/middleware.md',
    'leaderboard(board, options)',
    'packages/http/src/leaderboard/options.ts',
    'LeaderboardRouteOptions',
  ],
  [
    'docs/middleware.md',
    'requestLog(stream, options)',
    'packages/http/src/request-log/options.ts',
    'RequestLogOptions',
  ],
])('the table of %s below "%s" has the options that there are', (page, heading, source, name) => {
  const [, section = ''] = read(page).split(`\n## ${heading}\n`)
  const [table = ''] = section.split('\n## ')
  const rows = [...table.matchAll(/^\| `(\w+)` /gm)].map(([, option]) => option)
  expect(new Set(rows)).toEqual(new Set(membersOf(read(source), name)))
})

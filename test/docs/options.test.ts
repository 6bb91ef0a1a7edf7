import { readFileSync } from 'node:fs'

import { expect, test } from 'vitest'

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8')

/** The names of an interface's members, as its source has them. */
function membersOf(source: string, name: string): string[] {
  const body = new RegExp(`interface ${name}\\b[^{]*\\{\\n([^]*?)\\n\\}`).exec(source)?.[1] ?? ''
  return [...body.matchAll(/^ {2}(?:readonly )?(\w+)\??[:(]/gm)].map(([, member]) => member as string)
}

const LIMITER = 'packages/core/src/limiter/types.ts'
const RULES = 'packages/core/src/limiter/rule-types.ts'
const BOARD = 'packages/core/src/leaderboard/types.ts'
const BOARD_OPTIONS = 'packages/core/src/leaderboard/option-types.ts'

test.each([
  ['docs/rate-limiting.md', LIMITER, 'RateLimiterOptions'],
  ['docs/rate-limiting.md', LIMITER, 'RateLimiter'],
  ['docs/rate-limiting.md', LIMITER, 'WaitOptions'],
  ['docs/rate-limiting.md', LIMITER, 'ReserveOptions'],
  ['docs/rate-limiting.md', LIMITER, 'BlockOptions'],
  ['docs/rate-limiting.md', RULES, 'CalendarRule'],
  ['docs/rate-limiting.md', RULES, 'ConcurrencyRule'],
  ['docs/rate-limiting.md', LIMITER, 'DenyCacheOptions'],
  ['docs/rate-limiting.md', LIMITER, 'LocalOptions'],
  ['docs/middleware.md', 'packages/http/src/rate-limit/options.ts', 'RateLimitOptions'],
  ['docs/middleware.md', 'packages/http/src/rate-limit/headers.ts', 'HeaderOptions'],
  ['docs/middleware.md', 'packages/http/src/leaderboard/options.ts', 'LeaderboardRouteOptions'],
  ['docs/middleware.md', 'packages/http/src/request-log/options.ts', 'RequestLogOptions'],
  ['docs/leaderboards.md', BOARD_OPTIONS, 'LeaderboardOptions'],
  ['docs/leaderboards.md', BOARD, 'Leaderboard'],
  ['docs/leaderboards.md', BOARD_OPTIONS, 'CalendarWindow'],
  ['docs/leaderboards.md', BOARD_OPTIONS, 'RollingWindow'],
  ['docs/leaderboards.md', BOARD_OPTIONS, 'FirstComeTies'],
  ['docs/leaderboards.md', BOARD_OPTIONS, 'BoardEventOptions'],
  ['docs/operations.md', 'packages/core/src/redis/breaker.ts', 'BreakerOptions'],
])('%s names everything that %s has in %s', (page, source, name) => {
  const members = membersOf(read(source), name)
  expect(members.length).toBeGreaterThan(0)
  const text = read(page)
  expect(members.filter((member) => !new RegExp(`\\b${member}\\b`).test(text))).toEqual([])
})

test.each([
  ['docs/rate-limiting.md', 'Options of a limiter', LIMITER, 'RateLimiterOptions'],
  ['docs/leaderboards.md', 'Options of a board', BOARD_OPTIONS, 'LeaderboardOptions'],
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

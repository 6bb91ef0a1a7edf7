import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, test } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const page = readFileSync(join(ROOT, 'ARCHITECTURE.md'), 'utf8').split('\n')

/** The files, without tests and generated ones, that contain a text. */
function filesWith(text: string): string[] {
  const found = execFileSync('git', ['grep', '-lF', '--untracked', text, '--', 'packages', 'lua', 'bench'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  return found
    .trim()
    .split('\n')
    .filter((path) => /\.(ts|lua)$/.test(path) && !/\.(test|test-d|gen)\.ts$|\/(dist|testkit)\//.test(path))
}

// The path as ARCHITECTURE.md writes it is the end of the path in the repository.
test.each([
  ['a response header', 'a response header of the rate limiter', 'RateLimit-Policy', 'rate-limit/headers.ts'],
  ['a status of rateLimit', 'a status or body of `rateLimit`', 'problem(429', 'rate-limit/replies.ts'],
  [
    'the reply while Redis is away',
    'the reply while Redis is away',
    'Temporarily reduced capacity',
    'rate-limit/replies.ts',
  ],
  ["a key's name", "a key's name", 'limit-declared:', 'packages/core/src/redis/keys.ts'],
  ["an event's field", '`penknife:stream`', "kind: 'unserved'", 'stream/event-types.ts'],
  ["a limiter's default", '`createRateLimiter`', 'options.deadline ?? 100', 'core/src/limiter/options.ts'],
  [
    "the deny cache's default",
    '`createRateLimiter`',
    'options.staleness ??',
    'core/src/limiter/deny-cache.ts',
  ],
  [
    "a worker's default",
    '`createStream`, workers',
    'options.maxAttempts ??',
    'packages/core/src/stream/settings.ts',
  ],
  ['a transport', 'a new transport for events', 'interface Transport ', 'notifications/session/transport.ts'],
  ["an error's text", "an error's text", 'Redis could not be reached', 'packages/core/src/redis/runner.ts'],
  ['a case of a bench', 'a case of a bench', "'limiter.exact'", 'bench/limiter.ts'],
  ["the text of Redis' refusal", "an error's text", 'Redis refused the call', 'redis/failures.ts'],
  ['the counters without Redis', '4. Without Redis', 'function createCounter(', 'limiter/local/counters.ts'],
])('ARCHITECTURE.md says where %s is', (_, row, text, path) => {
  const named = page.filter(
    (line) =>
      line.includes(row) &&
      (line.includes(path) || line.includes(path.replace('limiter.ts', '<feature>.ts'))),
  )
  expect(named, `a line with '${row}' that names ${path}`).not.toEqual([])
  expect(filesWith(text).filter((file) => file.endsWith(path))).toHaveLength(1)
})

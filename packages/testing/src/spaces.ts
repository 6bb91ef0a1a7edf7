import { randomBytes } from 'node:crypto'

import type { Upstream } from './upstream.ts'

/** The spaces that tests were given, and what is left of them in Redis. */
export interface Spaces {
  /** A name that no other test has. */
  next(): string
  /** Removes the keys of every space that was given out. */
  remove(): Promise<void>
  /** Removes what test processes that were killed left behind more than an hour ago. */
  removeAbandoned(): Promise<void>
  /** Removes keys whose time to live ended by the clock. */
  expire(nowMs: number): Promise<void>
}

const PREFIX = 'penknife-test-'
const ABANDONED_MS = 3_600_000
/** The number of keys that one step of a SCAN visits. */
const STEP = '1000'
const LOOK_STEP = `local found = redis.call('SCAN', ARGV[1], 'MATCH', ARGV[2], 'COUNT', ARGV[3])
local now = tonumber(ARGV[4])
for _, key in ipairs(found[2]) do
  local ends = now and redis.call('PEXPIRETIME', key)
  if not ends or ends >= 1e14 and ends - 1e14 <= now then redis.call('UNLINK', key) end
end
return found[1]`

export function createSpaces(upstream: Upstream): Spaces {
  const given = new Set<string>()

  /** Over every key that matches: removes it, or with `nowMs` only if it has ended. */
  async function sweep(match: string, nowMs?: number): Promise<void> {
    let cursor = '0'
    do {
      const until = nowMs === undefined ? [] : [String(nowMs)]
      cursor = String(await upstream.send(['EVAL', LOOK_STEP, '0', cursor, match, STEP, ...until]))
    } while (cursor !== '0')
  }

  async function keys(match: string): Promise<string[]> {
    const found: string[] = []
    let cursor = '0'
    do {
      const [next, some] = (await upstream.send(['SCAN', cursor, 'MATCH', match, 'COUNT', STEP])) as [
        string,
        string[],
      ]
      found.push(...some)
      cursor = next
    } while (cursor !== '0')
    return found
  }

  return {
    next() {
      const name = `${PREFIX}${Date.now().toString(36)}-${randomBytes(5).toString('hex')}`
      given.add(name)
      return name
    },
    async remove() {
      // A limiter's keys carry the space and a shard in their tag.
      for (const name of given) for (const match of [`*{${name}}*`, `*{${name}/*`]) await sweep(match)
    },
    async removeAbandoned() {
      const names = new Set<string>()
      for (const key of await keys(`*{${PREFIX}*`)) {
        const [name = '', time = ''] = new RegExp(`${PREFIX}([0-9a-z]+)-[0-9a-f]+`).exec(key) ?? []
        if (Date.now() - Number.parseInt(time, 36) > ABANDONED_MS) names.add(name)
      }
      for (const name of names) for (const match of [`*{${name}}*`, `*{${name}/*`]) await sweep(match)
    },
    expire: (nowMs) => sweep('*', nowMs),
  }
}

import type { Redis } from 'ioredis'

import type * as Generated from '../../packages/core/src/redis/scripts.gen.ts'
import { buildScripts } from '../../scripts/lua/build.ts'
import { constantName } from '../../scripts/lua/generate.ts'
import { asScript } from './scripts.ts'

/** Where the settable clock keeps its time; outside of what penknife names. */
export const CLOCK_KEY = 'test:clock'

/** Stands in for lua/_lib/now.lua. */
const SETTABLE = `local now = tonumber(redis.call('GET', '${CLOCK_KEY}'))`

/**
 * The generated scripts with a clock that the test sets. A test file that wants it says, at its top:
 *
 *     vi.mock('../../packages/core/src/redis/scripts.gen.ts', () =>
 *       import('../support/clock.ts').then(({ scriptsWithClock }) => scriptsWithClock()))
 */
export function scriptsWithClock(): typeof Generated {
  const entries = buildScripts({ now: SETTABLE }).map(
    (built) => [constantName(built.name), asScript(built)] as const,
  )
  return Object.fromEntries(entries) as unknown as typeof Generated
}

/** The time of the scripts on one server, in whole microseconds. */
export interface Clock {
  readonly now: number
  set(us: number): Promise<void>
  /** Also backwards. */
  advance(us: number): Promise<void>
}

export function createClock(raw: Redis): Clock {
  let now = 0
  async function set(us: number): Promise<void> {
    now = us
    await raw.set(CLOCK_KEY, us)
  }
  return {
    get now() {
      return now
    },
    set,
    advance: (us) => set(now + us),
  }
}

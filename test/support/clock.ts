import { createHash } from 'node:crypto'

import type { Redis } from 'ioredis'
import { afterAll, beforeAll } from 'vitest'

import * as generated from '../../packages/core/src/redis/scripts.gen.ts'

/** The key of the settable clock's time. It is not one of penknife's keys. */
export const CLOCK_KEY = 'test:clock'

/** lua/_lib/now.lua, as the generated scripts have it. */
const NOW = `local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]`

const SETTABLE = `local now = tonumber(redis.call('GET', '${CLOCK_KEY}'))`

interface Source {
  readonly text: string
  readonly sha: string
}

/** The generated scripts that read the time, each with what it is with a settable clock. */
let withClock: readonly (readonly [published: Source, settable: Source])[] | undefined

function scriptsWithClock(): NonNullable<typeof withClock> {
  const published = Object.values<object>(generated).filter((each): each is Source => 'text' in each)
  return published
    .filter(({ text }) => text.includes("redis.call('TIME')"))
    .map((script) => {
      const text = script.text.replace(NOW, SETTABLE)
      if (text.includes("redis.call('TIME')"))
        throw new Error(`a generated script reads the time other than lua/_lib/now.lua does:\n${text}`)
      return [script, { text, sha: createHash('sha1').update(text).digest('hex') }] as const
    })
}

/** Lets the tests of a file set the clock of the scripts. Call it at the file's top, before anything loads a script. */
export function useSettableClock(): void {
  const restore: (() => void)[] = []
  beforeAll(() => {
    for (const [published, settable] of (withClock ??= scriptsWithClock())) {
      const { text, sha } = published
      Object.assign(published, settable)
      restore.push(() => Object.assign(published, { text, sha }))
    }
  })
  afterAll(() => {
    for (const undo of restore.splice(0)) undo()
  })
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

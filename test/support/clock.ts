import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Redis } from 'ioredis'
import { afterAll, beforeAll, inject } from 'vitest'

import * as generated from '../../packages/core/src/redis/scripts.gen.ts'
import { buildScripts, type BuiltScript } from '../../scripts/lua/build.ts'
import { constantName } from '../../scripts/lua/generate.ts'
import { asScript } from './scripts.ts'

/** The key of the settable clock's time. It is not one of penknife's keys. */
export const CLOCK_KEY = 'test:clock'

/** Replaces lua/_lib/now.lua. */
const SETTABLE = `local now = tonumber(redis.call('GET', '${CLOCK_KEY}'))`

/** The generated scripts with a settable clock. */
let withClock: readonly (readonly [published: object, settable: object])[] | undefined

/** Built once a run, because that takes a second: the first test process writes them for the others. */
function builtWithClock(): readonly BuiltScript[] {
  const path = join(inject('programs'), 'scripts-with-clock.json')
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8')) as BuiltScript[]
  const built = buildScripts({ now: SETTABLE })
  const own = `${path}.${process.pid}`
  writeFileSync(own, JSON.stringify(built))
  renameSync(own, path)
  return built
}

function scriptsWithClock(): NonNullable<typeof withClock> {
  return builtWithClock().map((built) => {
    const published: object | undefined = (generated as Readonly<Record<string, object>>)[
      constantName(built.name)
    ]
    if (published === undefined) throw new Error(`${built.name} is not generated: run pnpm generate`)
    return [published, asScript(built)] as const
  })
}

/** Lets the tests of a file set the clock of the scripts. Call it at the file's top, before anything loads a script. */
export function useSettableClock(): void {
  const restore: (() => void)[] = []
  beforeAll(() => {
    for (const [published, settable] of (withClock ??= scriptsWithClock())) {
      const before = { ...published }
      Object.assign(published, settable)
      restore.push(() => Object.assign(published, before))
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

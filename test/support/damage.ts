import { connect, type Penknife } from '@penknife/core'
import { afterAll, beforeAll } from 'vitest'

import type { Arg } from '../../packages/core/src/redis/script.ts'
import { available } from './connect.ts'
import { LISTS } from './keyspace.ts'
import { type Bench, pattern } from './redis.ts'
import { DIGESTS, merged } from './script-calls.ts'

export type DamagingCommand = readonly [name: string, ...args: (Arg | Buffer)[]]

/** A database with damaged keys, and calls on it. */
export interface Trial {
  /** For messages. */
  readonly what: string
  /** They make the database, which is empty. */
  readonly commands: readonly DamagingCommand[]
  /** Calls penknife; resolves with the error of each call, undefined where it succeeded. `at` is the number of the database. */
  call(penknife: Penknife, at: number): Promise<readonly unknown[]>
}

export interface TrialResult {
  readonly what: string
  readonly errors: readonly unknown[]
  /** The keys that the calls changed. Lists of objects for tools and declarations do not count: they are written in the background. */
  readonly changed: readonly string[]
}

/** The databases of a server in which trials run side by side. A round trip prepares all of them. */
const DATABASES = 15

/** A penknife for each database, and a function that runs trials. */
export function useTrials(bench: Bench): {
  readonly penknives: readonly Penknife[]
  run(trials: readonly Trial[]): Promise<readonly TrialResult[]>
} {
  const penknives: Penknife[] = []
  beforeAll(async () => {
    for (let at = 0; at < DATABASES; at++) penknives.push(connect(pattern(bench.server.url, { db: at })))
    await Promise.all(penknives.map(available))
  })
  afterAll(() => Promise.all(penknives.splice(0).map((penknife) => penknife.close())))

  /** Runs commands in each database; resolves with the digests after them. */
  async function inEach(
    commands: readonly (readonly DamagingCommand[])[],
  ): Promise<readonly ReadonlyMap<string, string>[]> {
    const all = bench.raw.pipeline()
    const lastOf: number[] = []
    for (const [at, own] of commands.entries()) {
      all.call('SELECT', at)
      for (const [command, ...args] of merged(own)) all.call(command as string, args as string[])
      lastOf.push(all.length)
      all.call(...DIGESTS)
    }
    all.call('SELECT', 0)
    const replies = (await all.exec()) ?? []
    for (const [error] of replies) if (error) throw error
    return lastOf.map((at) => {
      const [, lines] = replies[at] as [null, string[]]
      const digests = lines.map((line): [string, string] => {
        const end = line.lastIndexOf('=')
        return [line.slice(0, end), line.slice(end)]
      })
      return new Map(digests.filter(([key]) => !LISTS.test(key) && !key.endsWith(':declaration')))
    })
  }

  async function run(trials: readonly Trial[]): Promise<readonly TrialResult[]> {
    const results: TrialResult[] = []
    for (let from = 0; from < trials.length; from += DATABASES) {
      const some = trials.slice(from, from + DATABASES)
      const before = await inEach(some.map(({ commands }) => [['FLUSHDB'], ...commands]))
      const errors = await Promise.all(some.map(({ call }, at) => call(penknives[at] as Penknife, at)))
      const after = await inEach(some.map(() => []))
      for (const [at, { what }] of some.entries()) {
        const [was, is] = [before[at] as (typeof before)[number], after[at] as (typeof after)[number]]
        const changed = [...new Set([...was.keys(), ...is.keys()])].filter(
          (key) => was.get(key) !== is.get(key),
        )
        results.push({ what, errors: errors[at] as readonly unknown[], changed })
      }
    }
    return results
  }
  return { penknives, run }
}

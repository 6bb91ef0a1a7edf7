import type { LeaderboardOptions } from '@penknife/core'
import { LeaderboardMatrix } from 'redis-rank'

import type { Bench, Contender, Running } from '../harness/bench.ts'
import { connection, SETUPS, type Setup } from '../harness/connections.ts'
import type { Library } from '../harness/library.ts'
import { installed } from '../harness/versions.ts'
import { loaded, loadSortedSet } from './board.ts'
import { callsOf, openOurs } from './ours.ts'
import { BY, calledOf, MEMBERS, memberOf, scoreOf, sumOf } from './workload.ts'

const COMMANDS = ['zincrby', 'evalsha', 'eval']

/** A contender whose calls each add to a member's score in all three windows. */
function contender(
  setup: string,
  layout: string,
  open: (
    url: string,
    library: Library,
  ) => Promise<{
    load(): Promise<void>
    increment(member: string): Promise<number>
    close(): Promise<void>
  }>,
): Contender {
  return {
    setup,
    commands: COMMANDS,
    async open(url, ops, library): Promise<Running> {
      const { load, increment, close } = await open(url, library)
      return {
        expected: sumOf(ops, (at) => scoreOf(calledOf(at)) + BY),
        prepare: () => loaded(url, layout, load),
        call: (at) => increment(memberOf(calledOf(at))),
        close,
      }
    },
  }
}

const WINDOWS: LeaderboardOptions = {
  windows: { all: 'all-time', day: { calendar: 'day' }, week: { calendar: 'week' } },
}

const ours = contender('default', 'penknife windows', async (url, library) => {
  const { board, close } = await openOurs(url, WINDOWS, { library })
  return {
    load: () => callsOf(board).load(MEMBERS),
    increment: (member) => board.increment(member, BY),
    close,
  }
})

/** Its matrix of three boards. It sends the three commands of an update in one pipeline, and nothing expires. */
const matrix = SETUPS.map((setup) =>
  contender(setup, 'redis-rank windows', async (url) => {
    const redis = await connection(url, setup)
    const board = new LeaderboardMatrix(redis, 'matrix', {
      dimensions: [{ name: 'all' }, { name: 'day', cycle: 'daily' }, { name: 'week', cycle: 'weekly' }],
      features: [{ name: 'points', options: { sortPolicy: 'high-to-low', updatePolicy: 'aggregate' } }],
    })
    return {
      async load() {
        await board.update({ id: memberOf(0), values: { points: 0 } })
        for (const key of await redis.keys('*')) await loadSortedSet(redis, key, MEMBERS)
      },
      async increment(member) {
        const [score] = (await board.update({ id: member, values: { points: BY } })) as [string]
        return Number(score)
      },
      async close() {
        redis.disconnect()
      },
    }
  }),
)

const KEYS = ['board:all', 'board:day', 'board:week'] as const

const raw = SETUPS.map((setup: Setup) =>
  contender(setup, 'raw windows', async (url) => {
    const redis = await connection(url, setup)
    return {
      async load() {
        for (const key of KEYS) await loadSortedSet(redis, key, MEMBERS)
      },
      async increment(member) {
        const [score] = await Promise.all(KEYS.map((key) => redis.zincrby(key, BY, member)))
        return Number(score)
      },
      async close() {
        redis.disconnect()
      },
    }
  }),
)

export const windows: Bench = {
  name: 'leaderboard.windows',
  about: `add to a score in three windows (all-time, day, week) at ${MEMBERS.toLocaleString('en-US')} members`,
  inFlight: 200,
  ops: 50_000,
  ours,
  peers: [{ name: installed('redis-rank'), setups: matrix }],
  raw: { name: 'raw ioredis', setups: raw },
}

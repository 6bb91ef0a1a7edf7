import type { Leaderboard } from '@penknife/core'
import { Redis } from 'ioredis'

import type { Probe, ProbeOptions, Series } from '../harness/bench.ts'
import { connection } from '../harness/connections.ts'
import { eachOf, sumOfRows } from './board.ts'
import { openOurs } from './ours.ts'
import { turn, TURN_FIGURES, type Turn, valuesOf } from './turn.ts'
import { memberOf } from './workload.ts'

const MEMBERS = 200_000
const HOURS = 24
/**
 * A member is in this many of the hourly buckets, so each has 83,000. Penknife gets the same sums with two
 * increments.
 */
const EACH = 10
/** Moves a member past others. */
const MOVE = 1000
const SCRIPTS = ['evalsha', 'eval']
const BUCKETS = Array.from({ length: HOURS }, (_, hour) => `hour:${hour}`)
const UNION = 'day'

/** Member number `at` has been incremented ten times by this. */
const byOf = (at: number): number => 1 + (at % 1009)

/** The kinds of call, each on a plain board, on the rolling one, and if possible with a union of buckets. */
interface Turns {
  readonly plain: Turn[]
  readonly rolling: Turn[]
  readonly tolerant: Turn[]
  readonly union: Turn[]
}

const turns = (): Turns => ({ plain: [], rolling: [], tolerant: [], union: [] })

export const rolling: Probe = {
  name: 'leaderboard.rolling',
  about:
    `the last 24 hours of ${MEMBERS.toLocaleString('en-US')} members, against a plain board ` +
    'and against ZUNIONSTORE of 24 hourly buckets at each read',
  figures: TURN_FIGURES,
  run,
}

async function run(url: string, { rounds, quick, log }: ProbeOptions): Promise<readonly Series[]> {
  const control = new Redis(url)
  await control.flushall('SYNC')
  const redis = await connection(url, 'plain')
  const boards = {
    plain: await openOurs(url, {}, { name: 'plain' }),
    rolling: await openOurs(url, { windows: { day: { last: '1d' } } }, { name: 'rolling' }),
    tolerant: await openOurs(
      url,
      { windows: { day: { last: '1d', tolerance: '1h' } } },
      { name: 'tolerant' },
    ),
  }
  try {
    log('leaderboard.rolling: loading')
    await add(boards.plain.board, 1)
    await add(boards.rolling.board, 2)
    await add(boards.tolerant.board, 2)
    await loadBuckets(redis)
    const ops = quick ? 5000 : 50_000
    const read = turns()
    const rank = turns()
    const increment = turns()
    const top = await boards.plain.board.top(10)
    for (let round = 0; round <= rounds; round++) {
      log(`leaderboard.rolling: ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}`)
      for (const name of ['plain', 'rolling', 'tolerant'] as const) {
        const { board } = boards[name]
        const begins = round === 0 ? turns() : undefined
        ;(begins ?? read)[name].push(
          await turn(control, `top of ${name}`, {
            ops,
            commands: SCRIPTS,
            call: async () => sumOfRows(await board.top(10)),
            expected: ops * sumOfRows(top),
          }),
        )
        ;(begins ?? rank)[name].push(
          await turn(control, `rank on ${name}`, {
            ops,
            commands: SCRIPTS,
            call: async (at) => (await board.rank(memberOf((at * 7919) % MEMBERS)))?.score ?? Number.NaN,
            expected: sumOfScores(ops),
          }),
        )
      }
      const union = await turn(control, 'union', {
        ops: quick ? 2 : 5,
        commands: ['zunionstore', 'zrevrange'],
        call: async () => sumOfScoresIn(await readUnion(redis)),
        expected: (quick ? 2 : 5) * top.reduce((sum, { score }) => sum + score, 0),
      })
      if (round > 0) read.union.push(union)
    }
    for (let round = 0; round <= rounds; round++) {
      log(`leaderboard.rolling: increments, ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}`)
      for (const name of ['plain', 'rolling', 'tolerant'] as const) {
        const { board } = boards[name]
        const made = await turn(control, `increment on ${name}`, {
          ops,
          commands: SCRIPTS,
          call: (at) => board.increment(memberOf((at * 7919) % MEMBERS), MOVE),
          expected: sumOfScores(ops) + ops * MOVE * (round + 1),
        })
        if (round > 0) increment[name].push(made)
      }
    }
    return [...seriesOf('top 10', read), ...seriesOf('rank', rank), ...seriesOf('increment', increment)]
  } finally {
    redis.disconnect()
    control.disconnect()
    for (const { close } of Object.values(boards)) await close()
  }
}

/** Increments every member to ten times its amount, in so many increments. */
async function add(board: Leaderboard, increments: number): Promise<void> {
  for (let time = 0; time < increments; time++) {
    await eachOf(MEMBERS, (at) => board.increment(memberOf(at), (EACH / increments) * byOf(at)))
  }
}

function seriesOf(call: string, { plain, rolling: exact, tolerant, union }: Turns): readonly Series[] {
  return [
    { kind: 'exact', ours: exact },
    { kind: 'tolerance 1h', ours: tolerant },
  ].flatMap(({ kind, ours }) => {
    const one = (name: string, values: readonly Turn[]): Series => ({
      case: `${call}, ${kind}`,
      name,
      setup: 'default',
      ours: values === ours,
      values: valuesOf(values),
    })
    return [
      one('penknife', ours),
      one('penknife, a plain board', plain),
      ...(union.length > 0 ? [one('raw ZUNIONSTORE on read', union)] : []),
    ]
  })
}

/** The sum of the scores of the called members, before any run. */
function sumOfScores(ops: number): number {
  let sum = 0
  for (let at = 0; at < ops; at++) sum += EACH * byOf((at * 7919) % MEMBERS)
  return sum
}

/** The same increments in hourly buckets: each member in ten hours of the 24. */
async function loadBuckets(redis: Redis): Promise<void> {
  for (const [hour, key] of BUCKETS.entries()) {
    let pairs: (string | number)[] = []
    for (let at = 0; at < MEMBERS; at++) {
      if ((hour - (at % HOURS) + HOURS) % HOURS >= EACH) continue
      pairs.push(byOf(at), memberOf(at))
      if (pairs.length === 2000) {
        await redis.zadd(key, ...pairs)
        pairs = []
      }
    }
    if (pairs.length > 0) await redis.zadd(key, ...pairs)
  }
}

async function readUnion(redis: Redis): Promise<readonly string[]> {
  await redis.zunionstore(UNION, BUCKETS.length, ...BUCKETS)
  return redis.zrevrange(UNION, 0, 9, 'WITHSCORES')
}

function sumOfScoresIn(flat: readonly string[]): number {
  let sum = 0
  for (let at = 1; at < flat.length; at += 2) sum += Number(flat[at])
  return sum
}

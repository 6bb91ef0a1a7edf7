import type { Redis } from 'ioredis'

import { drive } from '../harness/load.ts'
import { redisUsage } from '../harness/redis-usage.ts'
import { median } from '../harness/statistics.ts'

/** One turn of a probe: calls a second, and Redis' time for each. */
export interface Turn {
  readonly perSecond: number
  readonly redisUs: number
}

export interface TurnOptions {
  readonly ops: number
  readonly commands: readonly string[]
  call(at: number): Promise<number>
  /** What the answers add up to. */
  readonly expected: number
}

const IN_FLIGHT = 200

/** Makes the calls and holds their answers against what they must add up to. */
export async function turn(control: Redis, what: string, options: TurnOptions): Promise<Turn> {
  const { ops, commands, call, expected } = options
  const before = await redisUsage([control], commands)
  const { seconds, sum } = await drive({ call, expected, close: async () => {} }, ops, IN_FLIGHT)
  const after = await redisUsage([control], commands)
  if (sum !== expected) throw new Error(`${what}: the answers add up to ${sum} and not to ${expected}`)
  return { perSecond: ops / seconds, redisUs: (after.timeUs - before.timeUs) / ops }
}

/** The medians over the turns of several rounds. */
export function middle(turns: readonly Turn[]): Turn {
  return {
    perSecond: median(turns.map(({ perSecond }) => perSecond)),
    redisUs: median(turns.map(({ redisUs }) => redisUs)),
  }
}

/** The median of the ratios within each round: how much longer Redis needs for one than for the other. */
export function timesRedis(of: readonly Turn[], than: readonly Turn[]): number {
  return median(of.map(({ redisUs }, round) => redisUs / (than[round] as Turn).redisUs))
}

/** The same of calls a second, so that more than 1 means: slower. */
export function timesSlower(of: readonly Turn[], than: readonly Turn[]): number {
  return median(of.map(({ perSecond }, round) => (than[round] as Turn).perSecond / perSecond))
}

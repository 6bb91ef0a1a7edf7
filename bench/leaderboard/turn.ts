import type { Redis } from 'ioredis'

import type { Figure, Series } from '../harness/bench.ts'
import { drive } from '../harness/load.ts'
import { redisUsage } from '../harness/redis-usage.ts'

/** One run of a probe: calls a second, and for each call Redis' time and the CPU time of its process. */
export interface Turn {
  readonly perSecond: number
  readonly redisUs: number
  readonly cpuUs: number
}

export interface TurnOptions {
  readonly ops: number
  readonly commands: readonly string[]
  call(at: number): Promise<number>
  /** The expected sum of the results. */
  readonly expected: number
}

const IN_FLIGHT = 200

/** Makes the calls and checks the sum of their results. */
export async function turn(control: Redis, what: string, options: TurnOptions): Promise<Turn> {
  const { ops, commands, call, expected } = options
  const before = await redisUsage([control], commands)
  const { seconds, sum } = await drive({ call, expected, close: async () => {} }, ops, IN_FLIGHT)
  const after = await redisUsage([control], commands)
  if (sum !== expected) throw new Error(`${what}: the answers add up to ${sum} and not to ${expected}`)
  const each = (from: number, to: number): number => (to - from) / ops
  return {
    perSecond: ops / seconds,
    redisUs: each(before.timeUs, after.timeUs),
    cpuUs: each(before.cpuUs, after.cpuUs),
  }
}

/** The figures of a probe with runs, in this order. */
export const TURN_FIGURES: readonly Figure[] = [
  { id: 'opsPerSecond', heading: 'ops/s', better: 'more' },
  { id: 'redisTimeUs', heading: 'Redis cmd us', better: 'less' },
  { id: 'redisCpuUs', heading: 'Redis CPU us', better: 'less' },
]

/** The runs of several rounds as the values of a series. */
export function valuesOf(turns: readonly Turn[]): Series['values'] {
  return {
    opsPerSecond: turns.map(({ perSecond }) => perSecond),
    redisTimeUs: turns.map(({ redisUs }) => redisUs),
    redisCpuUs: turns.map(({ cpuUs }) => cpuUs),
  }
}

import type { Running, RunningCalls } from './bench.ts'
import { percentile } from './statistics.ts'

export interface Load {
  readonly seconds: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** The sum of all results. */
  readonly sum: number
}

/** Only one call in this many is timed, because reading the clock would cost a fast contender part of its CPU. */
const TIMED = 13

/** One run of a contender. */
export async function drive(running: Running, ops: number, inFlight: number): Promise<Load> {
  if ('call' in running) return makeCalls(running, ops, inFlight)
  const started = performance.now()
  const sum = await running.run()
  return { seconds: (performance.now() - started) / 1000, p50Ms: Number.NaN, p99Ms: Number.NaN, sum }
}

/** Makes `ops` calls, `inFlight` at a time. When one ends, the next one starts. */
async function makeCalls(running: RunningCalls, ops: number, inFlight: number): Promise<Load> {
  const latencies = new Float64Array(Math.ceil(ops / TIMED))
  let timed = 0
  let next = 0
  let sum = 0

  async function callRepeatedly(): Promise<void> {
    while (next < ops) {
      const at = next++
      if (at % TIMED === 0) {
        const sent = performance.now()
        const answer = await running.call(at)
        latencies[timed++] = performance.now() - sent
        sum += answer
      } else {
        const answer = await running.call(at)
        sum += answer
      }
    }
  }

  const started = performance.now()
  await Promise.all(Array.from({ length: Math.min(inFlight, ops) }, callRepeatedly))
  const seconds = (performance.now() - started) / 1000
  latencies.sort()
  return { seconds, p50Ms: percentile(latencies, 0.5), p99Ms: percentile(latencies, 0.99), sum }
}

import type { InspectedServer, InspectedTotals, Inspector, Penknife } from '@penknife/core'

import type { OverviewAnswer, SpaceTotals } from './api-types.ts'

const MOST_SPACES = 100
const MOST_ATTENTION = 100
const SERVER_MS = 10_000
const FASTEST_MS = 2000
const SLOWEST_MS = 60_000
/**
 * Milliseconds between two readings for each stream. A reading of 1,000 streams takes Redis about 40 ms (`pnpm bench inspect.overview`), so
 * that it is busy for about 4 ms a second.
 */
const PER_STREAM_MS = 10

/** Reads the overview. All callers share a reading. */
export interface Overview {
  /** Resolves also while Redis is away. */
  read(): Promise<OverviewAnswer>
  /** How long to wait for the next reading: 2 s, and up to a minute for many streams. */
  readonly pauseMs: number
}

export function createOverview(penknife: Penknife, inspector: Inspector): Overview {
  let pauseMs = FASTEST_MS
  let shared: { readonly at: number; readonly answer: Promise<OverviewAnswer> } | undefined
  let server: { readonly at: number; readonly value: InspectedServer } | undefined

  async function serverNow(): Promise<InspectedServer> {
    if (server && performance.now() - server.at < SERVER_MS) return server.value
    const value = await inspector.server()
    server = { at: performance.now(), value }
    return value
  }

  async function read(): Promise<OverviewAnswer> {
    const health = await penknife.health()
    const { status, reason, latencyMs, pending } = health
    const redis: OverviewAnswer['redis'] = {
      status: status === 'unavailable' ? 'unavailable' : 'available',
      ...(reason === undefined ? {} : { reason }),
      ...(latencyMs === undefined ? {} : { latencyMs }),
      pending,
    }
    const away: OverviewAnswer = { atMs: Date.now(), redis, checks: [], spaces: [], more: false }
    if (status === 'unavailable') return away
    try {
      const { items, next } = await inspector.spaces({ limit: MOST_SPACES })
      const totals = await Promise.all(
        items.map(({ name }) => inspector.totals(name, { maxAge: Math.min(pauseMs, SLOWEST_MS) - 500 })),
      )
      const { checks, features: _features, ...rest } = await serverNow()
      const streams = totals.reduce((sum, { objects }) => sum + (objects.stream ?? 0), 0)
      pauseMs = Math.min(SLOWEST_MS, Math.max(FASTEST_MS, streams * PER_STREAM_MS))
      return {
        ...away,
        atMs: Date.now(),
        server: rest,
        checks,
        spaces: totals.map(spaceOf),
        more: next !== undefined,
      }
    } catch (error) {
      // Redis went away meanwhile, or refuses something.
      const why = error instanceof Error ? error.message : String(error)
      return { ...away, redis: { ...redis, status: 'unavailable', reason: why } }
    }
  }

  return {
    get pauseMs() {
      return pauseMs
    },
    read() {
      const now = performance.now()
      if (shared && now - shared.at < FASTEST_MS / 2) return shared.answer
      const answer = read()
      shared = { at: now, answer }
      return answer
    },
  }
}

function spaceOf(totals: InspectedTotals): SpaceTotals {
  const { attention, addedPerSecond, finishedPerSecond, ...rest } = totals
  return {
    ...rest,
    attention: attention.slice(0, MOST_ATTENTION),
    attentionCount: attention.length,
    ...(addedPerSecond === undefined ? {} : { addedPerSecond }),
    ...(finishedPerSecond === undefined ? {} : { finishedPerSecond }),
  }
}

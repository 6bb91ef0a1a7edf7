import type { Taps } from '../events.ts'
import type { LockEvent } from '../guard/lock-types.ts'
import type { SemaphoreEvent } from '../guard/semaphore-types.ts'
import type { LimiterBannedEvent } from '../limiter/ban-types.ts'
import type { LimiterDecisionEvent } from '../limiter/types.ts'
import type { BatchEvent } from '../redis/batch-event.ts'
import type { BreakerEvent } from '../redis/breaker.ts'
import type { PenknifeEvent } from '../redis/penknife-events.ts'
import type { StreamEvent, WorkerEvent } from '../stream/event-types.ts'
import type { Series } from './series.ts'

/** Counts the events of a penknife. Returns a function that ends it. */
export function count(taps: Taps, series: Series): () => void {
  /** Open circuits by server. */
  const open = new Map<string, number>()
  let away = false

  function changeOpen(node: string, by: 1 | -1): void {
    const circuits = Math.max(0, (open.get(node) ?? 0) + by)
    if (circuits > 0) open.set(node, circuits)
    else open.delete(node)
    series.set('penknife_breaker_open', [node], circuits)
  }

  const ends = [
    taps.on('penknife:stream', ({ kind, space, name }: StreamEvent) => {
      if (kind === 'added' || kind === 'duplicate' || kind === 'full' || kind === 'scheduled') {
        series.add('penknife_stream_adds_total', [space, name, kind])
      }
    }),
    taps.on('penknife:worker', (event: WorkerEvent) => countWork(series, event)),
    taps.on('penknife:limiter', ({ space, name, decision }: LimiterDecisionEvent) => {
      const { allowed, blocked, rule, decidedBy, shadow } = decision
      const outcome = blocked ? 'blocked' : allowed ? 'allowed' : 'denied'
      // No rule decides about a blocked subject.
      const bound = blocked ? '' : rule
      series.add('penknife_limiter_decisions_total', [space, name, bound, outcome, decidedBy])
      for (const each of shadow) {
        if (!each.allowed) series.add('penknife_limiter_shadow_denials_total', [space, name, each.name])
      }
    }),
    taps.on('penknife:limiter-ban', ({ space, name, shadow }: LimiterBannedEvent) => {
      if (!shadow) series.add('penknife_limiter_bans_total', [space, name])
    }),
    taps.on('penknife:lock', ({ space, name }: LockEvent) => {
      series.add('penknife_leases_lost_total', [space, name, 'lock'])
    }),
    taps.on('penknife:semaphore', ({ space, name }: SemaphoreEvent) => {
      series.add('penknife_leases_lost_total', [space, name, 'semaphore'])
    }),
    taps.on('penknife:batch', (event: BatchEvent) => countBatch(series, event)),
    taps.on('penknife:breaker', ({ kind, node }: BreakerEvent) => {
      if (kind === 'open') series.add('penknife_breaker_opened_total', [node])
      changeOpen(node, kind === 'open' ? 1 : -1)
    }),
    taps.on('penknife:connection', ({ kind }: PenknifeEvent) => {
      if (kind === 'unavailable' && !away) {
        away = true
        series.add('penknife_redis_disconnects_total', [])
      } else if (kind === 'available' && away) {
        away = false
        series.add('penknife_redis_reconnects_total', [])
      }
    }),
  ]
  // Counters without labels begin at 0, so that their first increase is one.
  series.add('penknife_redis_disconnects_total', [], 0)
  series.add('penknife_redis_reconnects_total', [], 0)
  return () => ends.forEach((end) => end())
}

function countBatch(series: Series, { script, calls, done, notDone, durationMs }: BatchEvent): void {
  const unknown = calls - done - notDone
  if (done > 0) series.add('penknife_redis_calls_total', [script, 'done'], done)
  if (notDone > 0) series.add('penknife_redis_calls_total', [script, 'not-done'], notDone)
  if (unknown > 0) series.add('penknife_redis_calls_total', [script, 'unknown'], unknown)
  if (durationMs === undefined) return
  series.add('penknife_redis_batch_calls', [script], calls)
  series.add('penknife_redis_batch_seconds', [script], durationMs / 1000)
}

function countWork(series: Series, event: WorkerEvent): void {
  const group = [event.space, event.name, event.group]
  switch (event.kind) {
    case 'started':
      return series.add('penknife_stream_wait_seconds', group, event.waitMs / 1000)
    case 'done':
    case 'failed':
      if (event.runMs !== undefined) {
        series.add('penknife_stream_run_seconds', [...group, event.kind], event.runMs / 1000)
      }
      if (event.kind === 'failed') return
      return series.add('penknife_stream_deliveries_total', [...group, 'done'])
    case 'retrying':
    case 'dead':
    case 'lost':
    case 'cancelled':
    case 'returned':
      return series.add('penknife_stream_deliveries_total', [...group, event.kind])
    case 'recovered':
      return series.add('penknife_stream_recovered_total', group)
    default:
  }
}

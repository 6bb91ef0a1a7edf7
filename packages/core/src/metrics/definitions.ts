/** A metric, as docs/metrics.md lists it. */
export interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram'
  readonly help: string
  /** Labels after `redis`. Those in `names` may have any number of values. */
  readonly names: readonly string[]
  /** Labels with few values, which the code lists. */
  readonly kinds: readonly string[]
  /** Bounds of a histogram that `buckets` does not set. */
  readonly bounds?: readonly number[] | undefined
}

function define(
  type: Definition['type'],
  help: string,
  names: readonly string[],
  kinds: readonly string[] = [],
  bounds?: readonly number[],
): Definition {
  return { type, help, names, kinds, bounds }
}

const GROUP = ['space', 'stream', 'group'] as const
const LIMITER = ['space', 'limiter'] as const

/** The names, see `DEFINITIONS`. */
export type MetricName =
  | 'penknife_stream_adds_total'
  | 'penknife_stream_deliveries_total'
  | 'penknife_stream_recovered_total'
  | 'penknife_stream_wait_seconds'
  | 'penknife_stream_run_seconds'
  | 'penknife_limiter_decisions_total'
  | 'penknife_limiter_shadow_denials_total'
  | 'penknife_limiter_bans_total'
  | 'penknife_leases_lost_total'
  | 'penknife_notifier_subscriptions'
  | 'penknife_breaker_open'
  | 'penknife_breaker_opened_total'
  | 'penknife_redis_up'
  | 'penknife_redis_ping_seconds'
  | 'penknife_redis_refusing'
  | 'penknife_redis_findings'
  | 'penknife_redis_disconnects_total'
  | 'penknife_redis_reconnects_total'
  | 'penknife_redis_calls_total'
  | 'penknife_redis_batch_calls'
  | 'penknife_redis_batch_seconds'
  | 'penknife_connections'
  | 'penknife_pending_calls'
  | 'penknife_metrics_elected'
  | 'penknife_metrics_read_timestamp_seconds'
  | 'penknife_metrics_complete'
  | 'penknife_stream_entries'
  | 'penknife_stream_oldest_age_seconds'
  | 'penknife_stream_workers'
  | 'penknife_stream_paused'

/** All metrics by name. Names follow https://prometheus.io/docs/practices/naming: base units, and `_total` for counters. */
export const DEFINITIONS: Readonly<Record<MetricName, Definition>> = {
  penknife_stream_adds_total: define(
    'counter',
    'Adds of this process. outcome: added, duplicate, full, scheduled',
    ['space', 'stream'],
    ['outcome'],
  ),
  penknife_stream_deliveries_total: define(
    'counter',
    'Deliveries that ended in this process. outcome: done, retrying, dead, lost, cancelled, returned',
    GROUP,
    ['outcome'],
  ),
  penknife_stream_recovered_total: define(
    'counter',
    'Entries that workers of this process took back from workers whose lease had ended',
    GROUP,
  ),
  penknife_stream_wait_seconds: define(
    'histogram',
    'Time until the handler was called since the entry could be handled',
    GROUP,
  ),
  penknife_stream_run_seconds: define('histogram', 'Time that handlers ran. outcome: done, failed', GROUP, [
    'outcome',
  ]),
  penknife_limiter_decisions_total: define(
    'counter',
    'Decisions. outcome: allowed, denied, blocked. decided_by: redis, lease, cache, local, policy',
    [...LIMITER, 'rule'],
    ['outcome', 'decided_by'],
  ),
  penknife_limiter_shadow_denials_total: define('counter', 'Calls that a shadow rule would have denied', [
    ...LIMITER,
    'rule',
  ]),
  penknife_limiter_bans_total: define('counter', 'Bans that calls of this process began', LIMITER),
  penknife_leases_lost_total: define(
    'counter',
    'Leases of locks and semaphores that were lost. feature: lock, semaphore',
    ['space', 'name'],
    ['feature'],
  ),
  penknife_notifier_subscriptions: define('gauge', 'Open subscriptions of this process', [
    'space',
    'notifier',
  ]),
  penknife_breaker_open: define('gauge', 'Open circuits of limiters to that server', ['node']),
  penknife_breaker_opened_total: define('counter', 'Circuits of limiters that opened', ['node']),
  penknife_redis_up: define('gauge', 'Whether Redis answered a PING at this scrape: 1 or 0', []),
  penknife_redis_ping_seconds: define('gauge', 'Time of that PING', []),
  penknife_redis_refusing: define('gauge', 'Scripts that Redis refuses now, such as for a missing right', []),
  penknife_redis_findings: define('gauge', 'Settings of the server that `doctor` warns about', []),
  penknife_redis_disconnects_total: define('counter', 'How often Redis became unavailable', []),
  penknife_redis_reconnects_total: define('counter', 'How often Redis became available again', []),
  penknife_redis_calls_total: define(
    'counter',
    'Calls of scripts. outcome: done, not-done, unknown',
    [],
    ['script', 'outcome'],
  ),
  penknife_redis_batch_calls: define(
    'histogram',
    'Calls that were sent together, as one EVALSHA',
    [],
    ['script'],
    [1, 2, 4, 8, 16, 32, 64, 128, 256],
  ),
  penknife_redis_batch_seconds: define(
    'histogram',
    'Time from sending such a batch until Redis replied, or until its deadline',
    [],
    ['script'],
    [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5],
  ),
  penknife_connections: define(
    'gauge',
    'Connections of this process. state: ready, waiting',
    [],
    ['purpose', 'state'],
  ),
  penknife_pending_calls: define('gauge', 'Calls that have no reply yet', []),
  penknife_metrics_elected: define('gauge', 'Whether this process reads the gauges below: 1 or 0', []),
  penknife_metrics_read_timestamp_seconds: define('gauge', 'When they were last read, Unix time', []),
  penknife_metrics_complete: define('gauge', 'Whether all streams were read: 1, or 0 above a bound', []),
  penknife_stream_entries: define(
    'gauge',
    'Entries of a group. state: waiting, running, delayed, queued, dead',
    GROUP,
    ['state'],
  ),
  penknife_stream_oldest_age_seconds: define(
    'gauge',
    'Age of the oldest waiting, running or queued entry, without waiting entries of low priority',
    GROUP,
  ),
  penknife_stream_workers: define('gauge', 'Living workers of a group, of all processes', GROUP),
  penknife_stream_paused: define('gauge', 'Whether the group is paused: 1 or 0', GROUP),
}

/** Seconds: handlers take from milliseconds to minutes. */
export const BUCKETS: readonly number[] = [
  0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 600,
]

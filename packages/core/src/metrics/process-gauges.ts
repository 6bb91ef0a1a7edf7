import type { Penknife, Runtime } from '../redis/penknife.ts'
import type { Series } from './series.ts'

/**
 * Makes the function that sets the gauges of this process at a scrape. One PING; scrapes at the same time share it. It takes at most the
 * `deadline` of penknife.
 */
export function createRefresh(
  penknife: Pick<Penknife, 'health'>,
  subscriptions: Runtime['subscriptions'],
  series: Series,
  closed: () => boolean,
): () => Promise<void> {
  let pending: Promise<void> | undefined

  async function refresh(): Promise<void> {
    const { status, latencyMs, connections, pending: calls, refused, findings } = await penknife.health()
    if (closed()) return
    series.set('penknife_redis_up', [], status === 'unavailable' ? 0 : 1)
    if (latencyMs === undefined) series.prune('penknife_redis_ping_seconds')
    else series.set('penknife_redis_ping_seconds', [], latencyMs / 1000)
    series.set('penknife_pending_calls', [], calls)
    series.set('penknife_redis_refusing', [], refused.length)
    series.set('penknife_redis_findings', [], findings.length)
    series.prune('penknife_connections')
    for (const { purpose, open, ready } of connections) {
      series.set('penknife_connections', [purpose, 'ready'], ready)
      series.set('penknife_connections', [purpose, 'waiting'], open - ready)
    }
    series.prune('penknife_notifier_subscriptions')
    for (const { space, name, count } of subscriptions.list()) {
      series.set('penknife_notifier_subscriptions', [space, name], count)
    }
  }

  return () => (pending ??= refresh().finally(() => (pending = undefined)))
}

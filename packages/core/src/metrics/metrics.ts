import { invalid } from '../errors.ts'
import { inspect } from '../inspect/inspector.ts'
import { type Penknife, runtimeOf } from '../redis/penknife.ts'
import { count } from './counting.ts'
import { readOptions } from './options.ts'
import { createRefresh } from './process-gauges.ts'
import { join } from './registry.ts'
import { createSeries, type Series } from './series.ts'
import { createSharedGauges } from './shared-gauges.ts'
import type { Metrics, MetricsOptions } from './types.ts'

/**
 * Metrics of a penknife in a registry of prom-client: counts of this process, and gauges of what is in Redis, which one elected process reads.
 * docs/metrics.md lists them.
 *
 * Cost: each scrape sends one PING. The elected process sends one script call for every 16 groups at each `interval`, and one for every 100
 * streams. All processes take part in the election: one lock, see `createLeader`.
 *
 * @throws PENKNIFE_INVALID for a wrong option, and when the registry has metrics of the same `redis`.
 */
export function createMetrics(penknife: Penknife, options: MetricsOptions = {}): Metrics {
  if (typeof penknife?.space !== 'function' || typeof penknife.health !== 'function') {
    throw invalid('penknife', penknife, 'give the result of connect()')
  }
  const { register, redis, buckets, maxSeries, shared } = readOptions(options)
  const { taps, subscriptions, onClose } = runtimeOf(penknife.space('metrics'))
  let closing: Promise<void> | undefined
  let refresh = (): Promise<void> => Promise.resolve()
  const { metrics, leave } = join(register, { redis, refresh: () => refresh() }, buckets)
  const series: Series = createSeries(metrics, redis, maxSeries)
  refresh = createRefresh(penknife, subscriptions, series, () => closing !== undefined)
  const stopCounting = count(taps, series)
  const gauges = shared && createSharedGauges(penknife, inspect(penknife), series, shared)
  const forget = onClose(() => close())

  async function end(): Promise<void> {
    forget()
    stopCounting()
    await gauges?.close()
    series.removeAll()
    leave()
  }

  function close(): Promise<void> {
    return (closing ??= end())
  }

  return {
    register,
    get elected() {
      return gauges?.elected === true
    },
    close,
    [Symbol.asyncDispose]: close,
  }
}

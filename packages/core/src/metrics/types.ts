import type { Registry } from 'prom-client'

import type { Duration } from '../duration.ts'

export interface MetricsOptions {
  /** The registry of prom-client that gets the metrics. Default: a registry of its own. */
  readonly register?: Registry | undefined
  /**
   * The value of the label `redis` of every metric: 1 to 64 of `A-Z a-z 0-9 _ . -`. Give each server a name of its own if a registry has the
   * metrics of several, and the same name in all processes. Default: 'default'.
   */
  readonly redis?: string | undefined
  /** Bounds of the histograms about entries in seconds, rising; at most 50. Default: 0.005 to 600, see docs/metrics.md. */
  readonly buckets?: readonly number[] | undefined
  /**
   * The most series of a metric: 10 to 100,000. More names are counted under `(other)`, and gauges of more are left out. A histogram has a line for
   * each bucket of each series. Default: 5,000.
   */
  readonly maxSeries?: number | undefined
  /** What one elected process reads for all. False: this process never does. */
  readonly shared?: MetricsSharedOptions | false | undefined
}

/** The gauges of what is in Redis. */
export interface MetricsSharedOptions {
  /** How often they are read: '1s' to '1h'. Default: '30s'. */
  readonly interval?: Duration | undefined
  /** The spaces to read, at most 1,000. Default: all that are registered. */
  readonly spaces?: readonly string[] | undefined
  /** The most streams that are read each time: 1 to 10,000. Default: 1,000. */
  readonly maxStreams?: number | undefined
  /** The space whose lock elects the process. Default: 'metrics'. */
  readonly space?: string | undefined
}

/** Metrics of a penknife for Prometheus. Created by `createMetrics`. */
export interface Metrics extends AsyncDisposable {
  /** The registry: `register.contentType`, and `await register.metrics()`. */
  readonly register: Registry
  /** Whether this process reads the gauges of what is in Redis. */
  readonly elected: boolean
  /** Counts no more, steps down, and removes its series from the registry. Also called by `penknife.close()`. Never rejects. */
  close(): Promise<void>
}

import { Registry } from 'prom-client'

import { durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'
import { checkName, checkOptions, wholeNumber } from '../options.ts'
import { BUCKETS } from './definitions.ts'
import type { MetricsOptions, MetricsSharedOptions } from './types.ts'

export interface SharedSettings {
  readonly intervalMs: number
  /** Undefined: all that are registered. */
  readonly spaces: readonly string[] | undefined
  readonly maxStreams: number
  readonly space: string
}

export interface MetricsSettings {
  readonly register: Registry
  readonly redis: string
  readonly buckets: readonly number[]
  readonly maxSeries: number
  readonly shared: SharedSettings | undefined
}

export function readOptions(options: MetricsOptions): MetricsSettings {
  checkOptions('createMetrics', options, ['register', 'redis', 'buckets', 'maxSeries', 'shared'])
  const { register = new Registry(), redis = 'default', buckets = BUCKETS, shared = {} } = options
  if (typeof register?.getSingleMetric !== 'function' || typeof register.registerMetric !== 'function') {
    throw invalid('register', register, 'give a Registry of prom-client, or leave it out')
  }
  return {
    register,
    redis: checkName('redis', redis),
    buckets: checkBuckets(buckets),
    maxSeries: wholeNumber('maxSeries', options.maxSeries ?? 5000, 10, 100_000),
    shared: shared === false ? undefined : readShared(shared),
  }
}

function checkBuckets(buckets: readonly number[]): readonly number[] {
  const rising =
    Array.isArray(buckets) &&
    buckets.length > 0 &&
    buckets.length <= 50 &&
    buckets.every((bound, at) => Number.isFinite(bound) && bound > (buckets[at - 1] ?? 0))
  if (!rising) throw invalid('buckets', buckets, 'give 1 to 50 rising numbers of seconds, above 0')
  return buckets
}

function readShared(shared: MetricsSharedOptions): SharedSettings {
  checkOptions('shared', shared, ['interval', 'spaces', 'maxStreams', 'space'])
  const { interval = '30s', spaces, maxStreams = 1000, space = 'metrics' } = shared
  if (spaces !== undefined && (!Array.isArray(spaces) || spaces.length === 0 || spaces.length > 1000)) {
    throw invalid('spaces', spaces, 'give a list of 1 to 1000 names, or leave it out for all')
  }
  return {
    intervalMs: durationMs('interval', interval, { min: 1000, max: 3_600_000 }),
    spaces: spaces && [...new Set(spaces.map((name) => checkName('space', name)))],
    maxStreams: wholeNumber('maxStreams', maxStreams, 1, 10_000),
    space: checkName('space', space),
  }
}

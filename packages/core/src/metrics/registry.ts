import { Counter, Gauge, Histogram, type Registry } from 'prom-client'

import { invalid } from '../errors.ts'
import { DEFINITIONS, type MetricName } from './definitions.ts'

/** A metric of prom-client, as `Series` uses it. */
export type AnyMetric = Counter | Gauge | Histogram

/** One penknife's part of a registry. */
export interface Member {
  /** Its value of the label `redis`. */
  readonly redis: string
  /** Sets the gauges that are read at a scrape. Never rejects. */
  readonly refresh: () => Promise<void>
}

interface Shared {
  readonly metrics: ReadonlyMap<MetricName, AnyMetric>
  readonly members: Map<string, Member>
}

const NAMES = Object.keys(DEFINITIONS) as MetricName[]

/** The metrics that a registry has, which several penknifes share. */
const registries = new WeakMap<Registry, Shared>()

/**
 * Creates the metrics in a registry, unless another penknife did. `leave` removes them when the last one leaves.
 *
 * @throws PENKNIFE_INVALID when the registry has metrics of that `redis`, or a strange metric of the same name.
 */
export function join(
  register: Registry,
  member: Member,
  buckets: readonly number[],
): { readonly metrics: ReadonlyMap<MetricName, AnyMetric>; leave(): void } {
  let shared = registries.get(register)
  // After register.clear() it has none of them.
  if (shared && NAMES.some((name) => register.getSingleMetric(name) !== shared?.metrics.get(name))) {
    shared = undefined
  }
  if (shared?.members.has(member.redis)) {
    throw invalid(
      'redis',
      member.redis,
      'this registry has metrics of that name: close those first, or give another name or registry',
    )
  }
  if (!shared) {
    shared = create(register, buckets)
    registries.set(register, shared)
  }
  const { metrics, members } = shared
  members.set(member.redis, member)
  return {
    metrics,
    leave() {
      members.delete(member.redis)
      if (members.size > 0) return
      for (const [name, metric] of metrics) {
        if (register.getSingleMetric(name) === metric) register.removeSingleMetric(name)
      }
      if (registries.get(register)?.metrics === metrics) registries.delete(register)
    },
  }
}

function create(register: Registry, buckets: readonly number[]): Shared {
  const taken = NAMES.find((name) => register.getSingleMetric(name))
  if (taken) throw invalid('register', taken, 'it has another metric of that name: give another registry')
  const members = new Map<string, Member>()
  const collect = async (): Promise<void> => {
    await Promise.all([...members.values()].map(({ refresh }) => refresh()))
  }
  const metrics = new Map(
    NAMES.map((name): [MetricName, AnyMetric] => {
      const { type, help, names, kinds, bounds = buckets } = DEFINITIONS[name]
      const options = { name, help, labelNames: ['redis', ...names, ...kinds], registers: [register] }
      if (type === 'counter') return [name, new Counter(options)]
      if (type === 'histogram') return [name, new Histogram({ ...options, buckets: [...bounds] })]
      // Any of them may be asked for alone, by getSingleMetricAsString.
      return [name, new Gauge({ ...options, collect })]
    }),
  )
  return { metrics, members }
}

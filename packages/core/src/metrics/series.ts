import type { Counter, Gauge, Histogram } from 'prom-client'

import { DEFINITIONS, type MetricName } from './definitions.ts'
import type { AnyMetric } from './registry.ts'

/** Values of the labels after `redis`, in the order of the definition. */
type Values = readonly string[]
type Labels = Record<string, string>

/** The label value of names above the bound. No name of penknife's has parentheses. */
const OTHER = '(other)'
/** Longer values are cut: names of servers are the only ones that may be. */
const LONGEST = 200

/** The series of one penknife: a bounded number for each metric. */
export interface Series {
  /** Adds to a counter, or observes a value in a histogram. */
  add(name: MetricName, values: Values, by?: number): void
  /** Sets a gauge. False when it was left out, because the metric has too many series. */
  set(name: MetricName, values: Values, value: number): boolean
  /** Removes the series of a gauge for which `keeps` returns false. */
  prune(name: MetricName, keeps?: (values: Values) => boolean): void
  removeAll(): void
}

export function createSeries(
  metrics: ReadonlyMap<MetricName, AnyMetric>,
  redis: string,
  most: number,
): Series {
  const known = new Map<MetricName, Map<string, { readonly values: Values; readonly labels: Labels }>>()

  function of(name: MetricName): Map<string, { readonly values: Values; readonly labels: Labels }> {
    const found = known.get(name) ?? new Map()
    known.set(name, found)
    return found
  }

  /** The labels of a series; undefined when it would be one too many. */
  function labelsOf(name: MetricName, values: Values): Labels | undefined {
    const series = of(name)
    const key = values.join('\n')
    const found = series.get(key)
    if (found) return found.labels
    const { names, kinds } = DEFINITIONS[name]
    // Those of (other) are few, and always have room.
    if (series.size >= most && names.length > 0 && values[0] !== OTHER) return undefined
    const labels: Labels = { redis }
    for (const [at, label] of [...names, ...kinds].entries()) {
      labels[label] = (values[at] ?? '').slice(0, LONGEST)
    }
    series.set(key, { values, labels })
    return labels
  }

  function withOther(name: MetricName, values: Values): Labels | undefined {
    const { names } = DEFINITIONS[name]
    return labelsOf(name, [...names.map(() => OTHER), ...values.slice(names.length)])
  }

  function prune(name: MetricName, keeps: (values: Values) => boolean = () => false): void {
    const series = of(name)
    for (const [key, { values, labels }] of series) {
      if (keeps(values)) continue
      series.delete(key)
      metrics.get(name)?.remove(labels)
    }
  }

  return {
    add(name, values, by = 1) {
      const labels = labelsOf(name, values) ?? withOther(name, values)
      const metric = metrics.get(name)
      if (!labels || !metric) return
      if (DEFINITIONS[name].type === 'histogram') (metric as Histogram).observe(labels, by)
      else (metric as Counter | Gauge).inc(labels, by)
    },
    set(name, values, value) {
      const labels = labelsOf(name, values)
      if (labels) (metrics.get(name) as Gauge).set(labels, value)
      return labels !== undefined
    },
    prune,
    removeAll() {
      for (const name of known.keys()) prune(name)
    },
  }
}

import { checkOptions, durationMs, invalid } from '@penknife/core/internal'
import type { Duration } from '@penknife/core'

/** Which requests are logged. Errors (a status from 500, or an error that was noted), slow and limited requests always are. */
export interface RequestSampling {
  /** The share of the other requests that is logged: 0 to 1. Default: 1. */
  readonly rate?: number | undefined
  /** Other shares, by the pattern of the matched route, such as `{ '/feed': 0.01 }`. */
  readonly routes?: Readonly<Record<string, number>> | undefined
  /** Requests that take as long are slow. Default: 1 s. */
  readonly slow?: Duration | undefined
}

export interface Sampled {
  readonly status: number
  readonly durationMs: number
  readonly failed: boolean
  readonly limited: boolean
  readonly route: string | undefined
}

/** Returns the rate at which a request was chosen: 1 if all such requests are logged, 0 if it is not logged. */
export type Sampler = (request: Sampled) => number

/** Undefined when every request is logged. */
export function samplerOf(
  sample: number | RequestSampling | undefined,
  random: () => number = Math.random,
): Sampler | undefined {
  if (sample === undefined) return undefined
  const { rate = 1, routes = {}, slow = 1000 } = typeof sample === 'number' ? { rate: sample } : sample
  if (typeof sample !== 'number') {
    checkOptions('requestLog sample', sample, ['rate', 'routes', 'slow'])
    if (typeof routes !== 'object')
      throw invalid('requestLog sample.routes', routes, "give rates by route: { '/feed': 0.01 }")
  }
  checkRate('requestLog sample', rate)
  const rates = new Map(Object.entries(routes))
  for (const [route, share] of rates) checkRate(`requestLog sample.routes['${route}']`, share)
  const slowMs = durationMs('requestLog sample.slow', slow, { min: 0, max: 86_400_000 })
  return ({ status, durationMs: took, failed, limited, route }) => {
    if (status >= 500 || failed || limited || took >= slowMs) return 1
    const share = (route === undefined ? undefined : rates.get(route)) ?? rate
    return share === 1 || random() < share ? share : 0
  }
}

function checkRate(name: string, rate: number): void {
  if (typeof rate !== 'number' || !(rate >= 0 && rate <= 1))
    throw invalid(name, rate, 'give a share from 0 (none) to 1 (all)')
}

import type { Bench } from './harness/bench.ts'
import { ours } from './limiter/ours.ts'
import { rateLimitRedis, rateLimiterFlexible } from './limiter/peers.ts'
import { raw } from './limiter/raw.ts'
import { SUBJECTS } from './limiter/workload.ts'

const contenders = { ours, peers: [rateLimiterFlexible, rateLimitRedis], raw, multipleOf: SUBJECTS }

/** Exact decisions, one rule: a call is answered by Redis, and never by a cache of this process. */
export const suite: readonly Bench[] = [
  {
    name: 'limiter.exact',
    about: `exact decisions over ${SUBJECTS} subjects`,
    inFlight: 200,
    ops: 100_000,
    ...contenders,
  },
  {
    name: 'limiter.inflight1',
    about: `exact decisions over ${SUBJECTS} subjects, for information`,
    inFlight: 1,
    ops: 10_000,
    ...contenders,
  },
]

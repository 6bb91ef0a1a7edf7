import type { Bench, Probe } from './harness/bench.ts'
import { limitersIn } from './http/served.ts'
import { lease } from './limiter/lease.ts'
import { memory } from './limiter/memory.ts'
import { ours } from './limiter/ours.ts'
import { rateLimiterFlexible, rateLimitRedis } from './limiter/peers.ts'
import { raw, rawOnCluster } from './limiter/raw.ts'
import { attack, exact, three } from './limiter/workload.ts'

const ofExact = {
  ours: ours(exact),
  peers: [rateLimiterFlexible(exact), rateLimitRedis(exact)],
  raw: raw(exact),
  multipleOf: exact.subjects,
}

export const suite: readonly (Bench | Probe)[] = [
  {
    name: 'limiter.exact',
    about: `one rule, ${exact.subjects} subjects`,
    inFlight: 200,
    ops: 100_000,
    ...ofExact,
  },
  {
    name: 'limiter.exact1',
    about: `one rule, ${exact.subjects} subjects, one call at a time`,
    inFlight: 1,
    ops: 10_000,
    // Many rounds, because the differences are small compared to the noise of a round trip on a busy machine.
    rounds: 15,
    warmUps: 2,
    ...ofExact,
  },
  {
    name: 'limiter.rules',
    about: `three rules in one call, ${three.subjects} subjects`,
    inFlight: 200,
    ops: 50_000,
    ours: ours(three),
    peers: [rateLimiterFlexible(three)],
    raw: raw(three),
    multipleOf: three.subjects,
  },
  {
    name: 'limiter.denied',
    about: 'one subject that calls on and on',
    inFlight: 200,
    ops: 100_000,
    ours: ours(attack, { denyCache: true }),
    peers: [
      rateLimiterFlexible(attack),
      rateLimiterFlexible(attack, { blockInMemory: true }),
      rateLimitRedis(attack),
    ],
    raw: raw(attack),
  },
  {
    name: 'limiter.express',
    ...limitersIn('express', [
      { guard: 'express-rate-limit', packages: ['express-rate-limit', 'rate-limit-redis'] },
      { guard: 'rate-limiter-flexible', packages: ['rate-limiter-flexible'] },
    ]),
  },
  {
    name: 'limiter.cluster',
    about: `one rule, ${exact.subjects} subjects, a cluster of 3 masters`,
    inFlight: 200,
    ops: 50_000,
    masters: 3,
    ours: ours(exact, { onCluster: true }),
    peers: [rateLimiterFlexible(exact, { onCluster: true })],
    raw: rawOnCluster(exact),
    multipleOf: exact.subjects,
  },
  lease,
  memory,
]

import type { Bench } from './harness/bench.ts'
import { limitersIn } from './http/served.ts'

export const suite: readonly Bench[] = [
  {
    name: 'http.fastify',
    ...limitersIn('fastify', [{ guard: '@fastify/rate-limit', packages: ['@fastify/rate-limit'] }]),
  },
  {
    name: 'http.hono',
    ...limitersIn('hono', [{ guard: 'hono-rate-limiter', packages: ['hono-rate-limiter'] }]),
  },
]

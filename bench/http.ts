import type { Bench, Probe } from './harness/bench.ts'
import { logAway, logMemory } from './http/log-memory.ts'
import { logsIn } from './http/logs.ts'
import { limitersIn } from './http/served.ts'

export const suite: readonly (Bench | Probe)[] = [
  {
    name: 'http.fastify',
    ...limitersIn('fastify', [{ guard: '@fastify/rate-limit', packages: ['@fastify/rate-limit'] }]),
  },
  {
    name: 'http.hono',
    ...limitersIn('hono', [{ guard: 'hono-rate-limiter', packages: ['hono-rate-limiter'] }]),
  },
  { name: 'http.requestLog', ...logsIn('express', 'pino-http', 'morgan') },
  { name: 'http.requestLogKoa', ...logsIn('koa', 'koa-pino-logger', 'koa-morgan') },
  logMemory,
  logAway,
]

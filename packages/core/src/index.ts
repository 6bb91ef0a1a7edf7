export type { Duration } from './duration.ts'
export { ERROR_CODES, type ErrorCode, type Fate, PenknifeError, type PenknifeErrorOptions } from './errors.ts'
export * from './guard/index.ts'
export * from './inspect/index.ts'
export type { Jsonified } from './json.ts'
export * from './leaderboard/index.ts'
export type { Lease } from './lease.ts'
export * from './limiter/index.ts'
export * from './live/index.ts'
export * from './notifier/index.ts'
export * from './record/index.ts'
export type { BatchEvent } from './redis/batch-event.ts'
export type { BreakerEvent, BreakerOptions } from './redis/breaker.ts'
export type { ConnectionPurpose } from './redis/driver.ts'
export type {
  Connection,
  IoredisClient,
  NodeRedisClient,
  NodeRedisCluster,
  NodeRedisSentinel,
} from './redis/choose-driver.ts'
export type { Health } from './redis/health.ts'
export type { PenknifeEvent } from './redis/penknife-events.ts'
export {
  type CloseOptions,
  connect,
  type ConnectOptions,
  type Penknife,
  type Runtime,
  type Space,
  type WorkerConnection,
} from './redis/penknife.ts'
export type { PolicyInUse } from './redis/policies.ts'
export type { RefusedCalls } from './redis/refusals.ts'
export type { ConnectionHealth } from './redis/roster.ts'
export type { ServerFinding, ServerInfo } from './redis/server.ts'
export type * from './standard-schema.ts'
export * from './stream/index.ts'
export { printable } from './text.ts'

export { isPromiseLike, reportFault, runSafely } from './callbacks.ts'
export { type Duration, durationMs } from './duration.ts'
export {
  ERROR_CODES,
  type ErrorCode,
  type Fate,
  invalid,
  PenknifeError,
  type PenknifeErrorOptions,
} from './errors.ts'
export { createCounters } from './guard/counters.ts'
export type * from './guard/counter-types.ts'
export type * from './guard/dedup-types.ts'
export { createDeduper } from './guard/deduper.ts'
export { createLeader } from './guard/leader.ts'
export type * from './guard/leader-types.ts'
export { createLock } from './guard/lock.ts'
export type * from './guard/lock-types.ts'
export { createObjects } from './guard/objects.ts'
export type * from './guard/object-types.ts'
export { createOnce } from './guard/once.ts'
export { createSemaphore } from './guard/semaphore.ts'
export type * from './guard/semaphore-types.ts'
export type { Jsonified } from './json.ts'
export { createRateLimiter } from './limiter/limiter.ts'
export type { DenyCacheOptions } from './limiter/deny-cache.ts'
export type { LocalOptions } from './limiter/local/local.ts'
export { hashSubject, isSubject } from './limiter/subjects.ts'
export type * from './limiter/types.ts'
export type * from './notifier/events.ts'
export type * from './notifier/types.ts'
export { checkOptions, wholeNumber } from './options.ts'
export { cut, errorText, printable } from './text.ts'
export type { BreakerEvent, BreakerOptions } from './redis/breaker.ts'
export type { Connection, Purpose } from './redis/connections.ts'
export {
  connect,
  type CloseOptions,
  type ConnectOptions,
  type Penknife,
  type Runtime,
  type Space,
} from './redis/penknife.ts'
export type { Health } from './redis/health.ts'
export type { PenknifeEvent } from './redis/news.ts'
export type { PolicyInUse } from './redis/policies.ts'
export type { Refused } from './redis/refusals.ts'
export type { ConnectionHealth } from './redis/roster.ts'
export type { Finding, ServerInfo } from './redis/server.ts'
export type * from './standard-schema.ts'
export type * from './stream/types.ts'
export { createLeaderboard } from './leaderboard/leaderboard.ts'
export type * from './leaderboard/types.ts'
export type { Bound } from './stream/ids.ts'
export type { ReplayOptions } from './stream/replay.ts'
export { NeverRetryError } from './stream/never-retry.ts'
export { createStream } from './stream/stream.ts'
export { checkChannel } from './notifier/checks.ts'
export { isPosition } from './notifier/messages.ts'
export { createNotifier } from './notifier/notifier.ts'
export type { DeadLetterFilter, DeadLetterListOptions, DeadLetters } from './stream/dead-letters.ts'
export type { Group, ResetOptions, ResetResult } from './stream/groups.ts'
export type { ConsumerStats, GroupStats, StatsOptions, StreamStats } from './stream/stats.ts'

export type {
  DeadLetterFilter,
  DeadLetterIterateOptions,
  DeadLetterListOptions,
  DeadLetters,
} from './dead-letters.ts'
export type { StreamGroup, StreamResetOptions, StreamResetResult } from './groups.ts'
export type { StreamBound } from './ids.ts'
export { NeverRetryError } from './never-retry.ts'
export type { StreamReplayOptions } from './replay.ts'
export type * from './schedules/types.ts'
export type { StreamConsumerStats, StreamGroupStats, StreamStatsOptions, StreamStats } from './stats.ts'
export { createStream } from './stream.ts'
export type * from './types.ts'

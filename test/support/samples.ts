import { GUARD_SAMPLES } from './guard-samples.ts'
import { INSPECT_SAMPLES } from './inspect-samples.ts'
import { LEADERBOARD_SAMPLES } from './leaderboard-samples.ts'
import { LIMITER_SAMPLES } from './limiter-samples.ts'
import { NOTIFIER_SAMPLES } from './notifier-samples.ts'
import { RECORD_SAMPLES } from './record-samples.ts'
import type { Sample } from './sample.ts'
import { SPACE_SAMPLES } from './space-samples.ts'
import { STREAM_SAMPLES } from './stream-samples.ts'

export type { Sample }

/** At least one sample for each reply type of each script in packages/core/src/redis/scripts.gen.ts, by name. */
export const SAMPLES: Readonly<Record<string, readonly Sample[]>> = {
  ...GUARD_SAMPLES,
  ...INSPECT_SAMPLES,
  ...LEADERBOARD_SAMPLES,
  ...LIMITER_SAMPLES,
  ...NOTIFIER_SAMPLES,
  ...RECORD_SAMPLES,
  ...SPACE_SAMPLES,
  ...STREAM_SAMPLES,
}

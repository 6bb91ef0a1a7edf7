import type { LeasedEntry } from './leased-entry.ts'
import { isNeverRetry } from './never-retry.ts'
import type { WorkerSettings } from './settings.ts'
import type { Move } from './settlement.ts'

/** How many attempts an entry has, and what follows a failed one. */
export interface Attempts {
  /** Whether all attempts were used up before this delivery. */
  usedUp(entry: LeasedEntry): boolean
  /** `ran` is false when no handler was called, because the payload is invalid. */
  afterFailure(entry: LeasedEntry, error: unknown, ran: boolean): Move
}

export function createAttempts({
  maxAttempts,
  backoffMs,
}: Pick<WorkerSettings, 'maxAttempts' | 'backoffMs'>): Attempts {
  function attemptsOf({ own }: LeasedEntry): number {
    return own?.attempts ?? maxAttempts
  }

  return {
    usedUp: (entry) => entry.attempt > attemptsOf(entry),
    afterFailure(entry, error, ran) {
      const { attempt, own } = entry
      if (!ran) return { to: 'dead', why: 'invalid', error }
      if (isNeverRetry(error)) return { to: 'dead', why: 'never-retry', error }
      if (attempt >= attemptsOf(entry)) return { to: 'dead', why: 'failed', error }
      const delayMs = backoffMs(attempt, error, own?.backoffMs)
      return delayMs === false ? { to: 'dead', why: 'never-retry', error } : { to: 'retrying', delayMs }
    },
  }
}

import type { Duration } from '@penknife/core'
import { durationMs } from '@penknife/core/internal'

import type { Fault } from './gateway.ts'

/** Failures of Redis, as the clients of `url` and the kit's penknife see them. One at a time: the next ends the one before. */
export interface Faults {
  /** Redis is not there: every connection is closed and new ones are refused. */
  away(): Promise<void>
  /**
   * Every reply comes this much later. What was asked is done all the same.
   *
   * @throws PENKNIFE_INVALID for no duration, or one over an hour.
   */
  slow(by: Duration): Promise<void>
  /** Redis' memory is full: it refuses what needs memory and runs what only reads or frees it. */
  full(): Promise<void>
  /** Ends the failure; resolves when the kit's penknife reaches Redis again. */
  none(): Promise<void>
}

export interface OwnFaults extends Faults {
  /** Whether there was one since `forget` was called. */
  readonly any: boolean
  forget(): void
}

/** `restored` resolves when Redis is reached again. */
export function createFaults(
  fail: (fault: Fault) => Promise<void>,
  restored: () => Promise<void>,
): OwnFaults {
  let any = false
  let failing = false

  async function begin(fault: Fault): Promise<void> {
    any = failing = true
    await fail({ kind: 'none' })
    await fail(fault)
  }

  return {
    away: () => begin({ kind: 'away' }),
    slow: async (by) => begin({ kind: 'slow', ms: durationMs('slow', by, { max: 3_600_000 }) }),
    full: () => begin({ kind: 'full' }),
    async none() {
      await fail({ kind: 'none' })
      if (failing) await restored()
      failing = false
    },
    get any() {
      return any
    },
    forget: () => void (any = false),
  }
}

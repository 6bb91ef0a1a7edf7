import type { Duration } from '../duration.ts'
import type { LimiterSubject } from './subject-types.ts'

/**
 * When a limiter bans a subject. Bans in a row grow: `duration`, then `factor` times as long each, up to `max`.
 *
 * The script that denies also counts and bans, so all processes count together. A subject takes 40 bytes more in Redis while denials
 * or bans are counted, and 40 and the reason more during a ban; both expire.
 */
export interface LimiterBanOptions {
  /** The denied call that bans: 1 to 10,000. Calls that a block or a ban denies are not counted. */
  readonly denials: number
  /** The time in which they count, from the first of them. */
  readonly within: Duration
  /** How long the first ban is. */
  readonly duration: Duration
  /** By how much each further ban in a row is longer: 1 (all are equal) to 100. Default: 2. */
  readonly factor?: number | undefined
  /** The longest ban, up to a year. Default: 1 day, or `duration` if it is longer. */
  readonly max?: Duration | undefined
  /** How long after its end a ban still makes the next one longer, up to a year. Default: `max`. */
  readonly forgetAfter?: Duration | undefined
  /** Reported in `decision.blocked`: 1 to 200 characters. Default: 'too many denied calls'. */
  readonly reason?: string | undefined
  /** Bans are counted and reported (event `banned`, `decision.shadowBan`), and deny nothing. Default: false. */
  readonly shadow?: boolean | undefined
}

/** A subject was banned by a call of this process. Also on the node:diagnostics_channel `penknife:limiter-ban`. */
export interface LimiterBannedEvent {
  readonly kind: 'banned'
  readonly space: string
  readonly name: string
  readonly subject: LimiterSubject
  /** The part of an object subject that is banned. */
  readonly per?: string | undefined
  /** Which ban in a row this is, from 1. */
  readonly ban: number
  /** Milliseconds until it ends, rounded up. */
  readonly endsInMs: number
  readonly reason: string
  /** Whether it denies nothing. */
  readonly shadow: boolean
}

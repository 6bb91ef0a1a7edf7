import type { LimiterBlock } from './decision-types.ts'
import type { LimiterRule } from './rule-types.ts'

export interface LimiterResetOptions {
  /** Rules that the limiter's options do not name. Rules that were charged before are found without this. */
  readonly rules?: readonly LimiterRule[] | undefined
  /** Only this part of a subject that is an object. Default: all parts that the rules name. */
  readonly per?: string | undefined
}

/** What a reset deleted. */
export interface LimiterResetResult {
  /** Whether anything was stored. */
  readonly found: boolean
  /**
   * Names of the rules under which something was stored, also if it had run out already. A rule of another process is named if it has its
   * own key (`sliding-log`, `concurrency`), or if the options of this call have it.
   */
  readonly rules: readonly string[]
  /** Blocks and bans that had not ended; more than one only if several parts of a subject were blocked. */
  readonly blocks: readonly LimiterResetBlock[]
  /** Leases of concurrency rules that had not expired, counted for each rule. Their slots are free now. */
  readonly leases: number
}

/** A block that a reset ended. */
export interface LimiterResetBlock extends LimiterBlock {
  /** The part of the subject that was blocked. */
  readonly per: string | undefined
}

import type { LimiterBlock, LimiterRuleState, LimiterShadowState } from '../limiter/decision-types.ts'
import type { StreamEntryState } from '../stream/entry-state-types.ts'

/** Whether a call of a subject would pass now, and why not. Nothing was charged. */
export interface InspectedSubject {
  readonly space: string
  readonly limiter: string
  readonly allowed: boolean
  /** `rule`: rules have too few tokens left. `block`: it was blocked by `block`. `ban`: the limiter banned it. */
  readonly reason: 'rule' | 'block' | 'ban' | undefined
  /** One or two sentences. */
  readonly text: string
  /** Milliseconds until the same call can pass if nobody else takes tokens; 0 when allowed; Infinity when never by itself. */
  readonly changesInMs: number
  /** The rules that deny. */
  readonly violated: readonly string[]
  readonly rules: readonly LimiterRuleState[]
  readonly shadow: readonly LimiterShadowState[]
  readonly blocked: LimiterBlock | undefined
}

/** Why an entry does not run. */
export interface InspectedEntry {
  readonly space: string
  readonly stream: string
  readonly group: string
  readonly id: string
  readonly state: StreamEntryState['state']
  /**
   * - `running`: a worker has it. `ended`: it is done, cancelled or gone.
   * - `paused`: its group is paused. `no-worker`: no worker of its group sent a command within 30 s.
   * - `key`: an earlier entry of its key is unfinished. `stopped-key`: a dead letter stops its key.
   * - `time`: it is delayed, or waits for another attempt.
   * - `dead`: it is a dead letter.
   * - `priority`: it has low priority, and other entries wait.
   * - `turn`: its group has workers, and they are busy, wait for their limit, or take it next.
   */
  readonly reason:
    | 'running'
    | 'ended'
    | 'paused'
    | 'no-worker'
    | 'key'
    | 'stopped-key'
    | 'time'
    | 'dead'
    | 'priority'
    | 'turn'
  /** One or two sentences. */
  readonly text: string
  /** Milliseconds until that changes by itself, as far as it is known; Infinity: it does not; undefined: it depends on workers. */
  readonly changesInMs: number | undefined
  readonly attempts: number
  /** The worker that has it, or the entry that it waits for. */
  readonly consumer: string | undefined
  /** The entry of the same key that it waits for. */
  readonly behind: string | undefined
  readonly workers: number
  /** The payload as JSON text; undefined when the entry is in no place of its group. Another program may have written something else. */
  readonly json: string | undefined
}

/** Who has a lock. */
export interface InspectedLock {
  readonly space: string
  readonly lock: string
  readonly key: string
  /** `held`: another caller has it. `offered`: it is free, and the first waiting caller is being asked. `free`: a caller gets it at once. */
  readonly reason: 'held' | 'offered' | 'free'
  readonly text: string
  /** The label of the holder. */
  readonly holder: string | undefined
  readonly fence: number | undefined
  /** Milliseconds until the lease ends, unless its holder renews it. */
  readonly changesInMs: number
  /** Callers that wait. */
  readonly waiting: number
}

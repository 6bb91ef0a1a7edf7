import type { Duration } from '../duration.ts'
import type { DeadLetterKind } from './dead-letter-types.ts'

/** Where an entry of a work queue with one group is. */
export interface StreamEntryState {
  readonly id: string
  /**
   * - `waiting`: a worker may take it now. `queued`: it waits for an earlier entry of its key.
   * - `delayed`, `retrying`: it waits until `dueMs`, for the first time or after an attempt failed.
   * - `running`: `consumer` has it.
   * - `dead`: it is a dead letter.
   * - `done`, `cancelled`: known only while its outcome is kept, see `result` of `add`.
   * - `gone`: it is in no place. It was handled, cancelled or cleared, its dead letter was deleted, or it never existed.
   */
  readonly state:
    | 'waiting'
    | 'queued'
    | 'delayed'
    | 'retrying'
    | 'running'
    | 'dead'
    | 'done'
    | 'cancelled'
    | 'gone'
  /** Attempts used up; 0 where that is not known any more. */
  readonly attempts: number
  /**
   * The consumer name of the worker that has it, which begins with its host name and process id, and the milliseconds since that worker
   * renewed its lease.
   */
  readonly consumer: string | undefined
  readonly idleMs: number | undefined
  /** When that worker got it, milliseconds since 1970 by the clock of Redis. A busy worker starts it up to 250 ms later. */
  readonly runningSinceMs: number | undefined
  /** When it is due, milliseconds since 1970. */
  readonly dueMs: number | undefined
  /** What its handler last gave to `delivery.progress`. */
  readonly progress: unknown
  /** How it ended; undefined while it is unfinished, or when that is not kept. */
  readonly outcome: StreamOutcome | undefined
}

/** What `cancel` or `reschedule` found. */
export interface StreamEntryChange {
  /** Whether the call changed something. */
  readonly changed: boolean
  /** Where the entry was. */
  readonly state: StreamEntryState['state']
}

/** How an entry ended. */
export type StreamOutcome<Result = unknown> =
  /** `value` is what its handler returned, after JSON. */
  | { readonly state: 'done'; readonly value: Result }
  /** It is a dead letter. It may be requeued and end again. */
  | { readonly state: 'dead'; readonly why: DeadLetterKind; readonly reason: string }
  /** It was cancelled, or its group was cleared. */
  | { readonly state: 'cancelled' }

/** What `result` resolves with. */
export type StreamResult<Result = unknown> =
  | StreamOutcome<Result>
  /** It did not end within `timeout`. */
  | { readonly state: 'unfinished' }
  /** Its outcome is not there: it was not kept, is kept no longer, or the entry never existed. */
  | { readonly state: 'unknown' }

export interface StreamResultOptions {
  /** Ends the wait. The call then fails with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** How long to wait: from 0. Default: without a limit, also for an entry that Redis lost meanwhile, such as by FLUSHALL. */
  readonly timeout?: Duration | undefined
  /** Called with the last progress, and with each later one. One may be skipped while the connection is interrupted. */
  readonly onProgress?: ((progress: unknown) => void) | undefined
  /**
   * Called with what the handler gave to `delivery.write`: each part once and in order, and all of it before the call resolves. It costs one
   * more script call at the beginning, and one at the end.
   */
  readonly onOutput?: ((output: StreamOutput) => void) | undefined
  /** The cursor of the last output that the caller has; `onOutput` gets what follows it. Default: from the beginning. */
  readonly after?: string | undefined
}

/** A part of what a handler wrote. */
export interface StreamOutput {
  readonly text: string
  /** Where this part ends: for `after`, in any process. */
  readonly cursor: string
  /** Another delivery of the entry began its output anew, so all earlier text is void. */
  readonly restarted: boolean
}

export interface StreamKeepOptions {
  /** How long the outcome is kept after the entry ended: from 1 s. */
  readonly keep: Duration
}

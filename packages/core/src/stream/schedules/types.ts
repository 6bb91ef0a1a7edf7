import type { Duration } from '../../duration.ts'
import type { StreamPage } from '../entry-types.ts'

/** The field of a payload that `timeField` may name: any of an untyped stream. */
export type StreamTimeField<T> = unknown extends T ? string : keyof T & string

/** The payload of a schedule: without the field that `timeField` names. */
export type StreamSchedulePayload<T, Field extends string> = [Field] extends [never]
  ? T
  : unknown extends T
    ? object
    : Omit<T, Field>

/** Options of `stream.schedule`. Give either `cron` or `every`. */
export interface StreamScheduleOptions<T, Field extends StreamTimeField<T> = never> {
  /**
   * A cron expression: minute, hour, day of the month, month and day of the week, such as `'30 2 * * MON-FRI'`. Six parts begin with
   * a second; seven end with a year. `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`; `L`, `W` and `#` as in other crons.
   */
  readonly cron?: string | undefined
  /** The time between two occurrences: 1 s to 366 d. Counted from 1970 in UTC, so `'15m'` means :00, :15, :30 and :45. */
  readonly every?: Duration | undefined
  /** The IANA time zone of `cron`, such as 'Europe/Berlin'. Default: 'UTC'. */
  readonly timeZone?: string | undefined
  /** The payload of each entry, at most 64 KiB as JSON. */
  readonly payload: StreamSchedulePayload<T, Field>
  /** The key of each entry, if the stream has an `order` of `'key'`. */
  readonly key?: string | undefined
  /** The field of the payload that gets the time of the occurrence, in milliseconds since 1970. Default: none. */
  readonly timeField?: Field | undefined
  /**
   * What happens with occurrences whose time passed while no process added them:
   *
   * - `'once'`: one entry stands for all of them. Its time is that of the first.
   * - `'all'`: each of them is added, in order.
   * - `'skip'`: those that are more than a minute late are dropped. Later ones are added, each by itself.
   *
   * Default: 'once'.
   */
  readonly missed?: 'once' | 'all' | 'skip' | undefined
  /**
   * With `'skip'` an occurrence is dropped while a group has still to finish the entry that this schedule added last: it waits, runs or
   * waits for another attempt. Default: 'allow'.
   */
  readonly overlap?: 'allow' | 'skip' | undefined
}

/** The reply of `stream.schedule`. */
export interface StreamScheduled {
  /** False when Redis had the same schedule already. */
  readonly changed: boolean
  /** The next occurrence in milliseconds of Redis' clock. Undefined for a paused schedule, and when there is none. */
  readonly nextAtMs: number | undefined
}

/** A schedule as Redis has it. */
export interface StreamSchedule {
  readonly id: string
  /** Undefined for a schedule with `every`. */
  readonly cron: string | undefined
  readonly everyMs: number | undefined
  readonly timeZone: string
  readonly payload: unknown
  readonly timeField: string | undefined
  readonly missed: 'once' | 'all' | 'skip'
  readonly overlap: 'allow' | 'skip'
  readonly paused: boolean
  /** The next occurrence in milliseconds since 1970. Undefined while paused, and when there is none. */
  readonly nextAtMs: number | undefined
  /** The last occurrence that was added or dropped. */
  readonly lastAtMs: number | undefined
  /** The id of the entry that was added last. */
  readonly lastEntry: string | undefined
  /** When a process called `schedule` for it last, in milliseconds since 1970. */
  readonly declaredAtMs: number | undefined
  /** Whether this process called `schedule` for it. */
  readonly declared: boolean
}

export interface StreamScheduleListOptions {
  /** Most schedules of a page: 1 to 1,000. Default: 100. A page ends after 256 KiB of payloads. */
  readonly limit?: number | undefined
  /** `next` of the page before. Default: the first page. */
  readonly after?: string | undefined
}

/** Manages the schedules of a stream, also those that this process did not declare. */
export interface StreamSchedules {
  /** A page of the schedules, in the order of their ids. One script call. */
  list(options?: StreamScheduleListOptions): Promise<StreamPage<StreamSchedule>>
  /** Resolves with undefined when there is no such schedule. One script call. */
  get(id: string): Promise<StreamSchedule | undefined>
  /**
   * Stops a schedule in all processes, across restarts and calls of `schedule`, until `resume`. Resolves with false when it was paused
   * already. Two script calls.
   *
   * @throws PENKNIFE_INVALID when there is no such schedule.
   */
  pause(id: string): Promise<boolean>
  /**
   * Ends a pause. The schedule goes on with its next occurrence; those of the pause are not added. Resolves with false when it was not
   * paused. Two script calls.
   *
   * @throws PENKNIFE_INVALID when there is no such schedule.
   */
  resume(id: string): Promise<boolean>
  /**
   * Adds an entry at once, also while the schedule is paused; its next occurrence stays. Resolves with the entry's id, or with undefined
   * when `overlap: 'skip'` prevents it. Two script calls. After an error with fate `unknown` the entry may have been added.
   *
   * @throws PENKNIFE_INVALID when there is no such schedule; PENKNIFE_FULL at `maxBacklog`.
   */
  run(id: string): Promise<string | undefined>
  /**
   * Removes a schedule. Its entries stay. Resolves with false when it did not exist. A process that calls `schedule` later creates it
   * again: take it out of the code first. One script call.
   */
  remove(id: string): Promise<boolean>
}

import type { DeadLetterKind } from './dead-letter-types.ts'

/** What happens to a stream in this process. Also sent to the node:diagnostics_channel `penknife:stream`. */
export type StreamEvent = {
  readonly space: string
  /** The stream's name. */
  readonly name: string
} & (
  | { readonly kind: 'added'; readonly id: string }
  /** An entry with this dedup id was added before; `id` is the id of that entry. */
  | { readonly kind: 'duplicate'; readonly id: string }
  /**
   * Another process, such as an older version of the application, declared the stream differently. Reported once a process. Each
   * process applies its own declaration. The stream has the groups of all processes, until they are dropped.
   */
  | {
      readonly kind: 'redeclared'
      /** Such as `event log, groups search, retain entries 1000`. */
      readonly before: string
      readonly now: string
    }
  /** This process added the entry of an occurrence of a schedule. `lateMs`: how late, by Redis' clock. There is no event 'added'. */
  | {
      readonly kind: 'scheduled'
      readonly schedule: string
      readonly id: string
      readonly atMs: number
      readonly lateMs: number
    }
  /** An occurrence was dropped: it was 'missed' (`missed: 'skip'`), or the entry before was not finished (`overlap: 'skip'`). */
  | {
      readonly kind: 'occurrence-dropped'
      readonly schedule: string
      readonly atMs: number
      readonly why: 'missed' | 'overlap'
    }
  /** Due occurrences could not be added. It is tried again. `schedule` is undefined when all of them are affected, as while Redis is away. */
  | {
      readonly kind: 'schedule-failed'
      readonly schedule: string | undefined
      readonly error: unknown
    }
  /** The stream has reached `maxBacklog`. The add fails or waits. */
  | { readonly kind: 'full' }
  /**
   * A group that is not paused has entries to handle, and none of its workers sent a command within 30 s. Reported once. Processes
   * that add check this once a minute, and every call of `stats()` checks it.
   */
  | {
      readonly kind: 'unserved'
      readonly group: string
      /** Waiting, running and delayed entries of the group. */
      readonly entries: number
    }
)

/** What happens to entries and to the worker. Also sent to the node:diagnostics_channel `penknife:worker`. */
export type WorkerEvent = WorkerIdentity & WorkerEventDetails

/** Identifies a worker in its events. */
export interface WorkerIdentity {
  readonly space: string
  /** The stream's name. */
  readonly name: string
  readonly group: string
  /** The worker's consumer name. */
  readonly consumer: string
}

/** The kinds of events of a worker, without the fields that all have. */
export type WorkerEventDetails =
  /**
   * Its handler is called. `waitMs`: milliseconds since the entry could be handled: since it was added, its delay ended, or it was given back.
   * The clocks of Redis and of this process are compared.
   */
  | (DeliveryEvent<'started'> & { readonly waitMs: number })
  /** Its handler succeeded, and Redis has stored that. */
  | (DeliveryEvent<'done'> & WorkerRunTime)
  /** The attempt failed. 'retrying' or 'dead' follows when Redis has stored that. */
  | (DeliveryEvent<'failed'> & WorkerRunTime & { readonly error: unknown })
  /** It waits for its next attempt. */
  | (DeliveryEvent<'retrying'> & { readonly delayMs: number })
  /** It was added with a delay and waits until that time. */
  | { readonly kind: 'delayed'; readonly id: string; readonly untilMs: number }
  /** It is in the dead letters. */
  | (DeliveryEvent<'dead'> & { readonly why: DeadLetterKind; readonly error: unknown })
  /** Another worker took it over, or its lease ended while Redis was away. The result of this delivery is ignored. */
  | DeliveryEvent<'lost'>
  /** `stream.cancel` took it away while this worker had it. The result of this delivery is ignored. */
  | DeliveryEvent<'cancelled'>
  /** Given back to the group. It uses up no attempt, unless `why` is 'expired' and its handler had started. */
  | (DeliveryEvent<'returned'> & { readonly why: WorkerReturnReason })
  /** This worker gave it back to the group, because the lease of another worker ended. `attempt`: attempts used up so far, 0 at first. */
  | DeliveryEvent<'recovered'>
  /** Redis is away, was emptied, or refused a call. The worker tries again by itself. */
  | { readonly kind: 'trouble'; readonly error: unknown }
  /** The worker fetches entries again after trouble. */
  | { readonly kind: 'resumed' }
  /** The group was paused or resumed, for all processes. */
  | { readonly kind: 'paused' | 'unpaused' }

/** An event of a delivery. Each later delivery of an entry in its group has a higher `fence`. */
interface DeliveryEvent<Kind extends string> {
  readonly kind: Kind
  /** The entry's id. */
  readonly id: string
  readonly attempt: number
  readonly fence: number
}

interface WorkerRunTime {
  /** Milliseconds that the handler ran. Undefined if nobody listened when it started, or if it was not called. */
  readonly runMs: number | undefined
}

/** Why a worker gave an entry back to its group. */
export type WorkerReturnReason =
  /** The worker closes, and the entry was not started. */
  | 'closing'
  /** The worker closes, and the handler did not end by the deadline. */
  | 'unfinished'
  /** The group is paused. */
  | 'paused'
  /** The worker fetched more entries than it can start soon. */
  | 'busy'
  /** The memory of Redis is full, so the handler could not commit. The entry is handled again a second later. */
  | 'full'
  /** Its limit did not allow it, or its handler said that another service's limit was reached. It is handled again later. */
  | 'limited'
  /** Its lease ended while Redis did not reply. */
  | 'expired'

import type { CommitAnswer } from '../record/types.ts'
import type { Linked } from '../linked-list.ts'
import type { TimedCall } from './call-deadlines.ts'
import { FIRST_STAGE, type Staged } from './delivery-state.ts'
import type { DeliveryTrace } from './delivery-trace.ts'
import type { EntryFields } from './entry-fields.ts'
import { NEW, SOURCES } from './sources.ts'

/** An entry of a read. */
export interface FetchedEntry {
  /** Its id in its source stream. Of an entry of a run, behind that of the run a slash and which one it is. */
  readonly position: string
  /** An index into `SOURCES`. */
  readonly source: number
  readonly fields: readonly string[]
  /** Of an entry of a run. */
  readonly parsed?: EntryFields
}

/** Of an entry with a key. Only `runs.ts` and `deliveries.ts` change it. */
export interface Keyed {
  readonly place: string
  /** See `EntryFields`. */
  readonly before: string | undefined
  /** The next entry of its run. */
  next: LeasedEntry | undefined
  /** The entry of its run that was handled before it. */
  previous: LeasedEntry | undefined
  /** Called when Redis has its outcome, or it was lost. */
  over: (() => void) | undefined
  /** When its handler was called, by the clock of this process; 0 before. */
  startedAt: number
}

/** An entry under this worker's lease: a delivery. */
export interface LeasedEntry extends Omit<EntryFields, 'place' | 'before'>, Staged, Linked<LeasedEntry> {
  /** Undefined for an entry without a key. */
  readonly keyed: Keyed | undefined
  readonly position: string
  /** An index into `SOURCES`. */
  readonly source: number
  /** A counter of the entries that the worker fetched: it rises with the positions of each source. */
  readonly order: number
  /** By the clock of this process, as `leaseEndsAt`. */
  readonly fetchedAt: number
  /** After this time another worker may have the entry. Only `leases.ts` changes it. */
  leaseEndsAt: number
  /** The commit under way, or the one that finished it. Only `commits.ts` changes it. */
  commit: Promise<CommitAnswer<never>> | undefined
  /** The effects of that commit. Only `commits.ts` changes it. */
  committed: string
  /** When its handler was called and when it ended, by the clock of this process. 0 before, and always while nobody listens to the worker's events. */
  startedAt: number
  endedAt: number
  /** Whether its commit was refused because the memory of Redis is full. Only `commits.ts` changes it. */
  full: boolean
  /** The call of the handler that has it. Only `handler-calls.ts` changes it. */
  call: TimedCall | undefined
  /** What tracers follow. Only `delivery-traces.ts` changes it. */
  trace: DeliveryTrace | undefined
  /** Created when the handler reads the signal, or when it is aborted. */
  abortController: AbortController | undefined
}

export function leasedEntry(
  { position, source, fields, parsed: given }: FetchedEntry,
  order: number,
  fetchedAt: number,
  leaseEndsAt: number,
): LeasedEntry {
  // The usual entry has only a payload.
  const plain = source === NEW && fields.length === 2 && fields[0] === 'd'
  const parsed = given ?? (plain ? undefined : SOURCES[source]?.parse(position, fields))
  return {
    position,
    source,
    order,
    id: parsed ? parsed.id : position,
    attempt: parsed ? parsed.attempt : 1,
    fence: parsed ? parsed.fence : 1,
    json: parsed ? parsed.json : fields[1],
    traceparent: parsed?.traceparent,
    dueMs: parsed?.dueMs,
    suspect: parsed?.suspect ?? false,
    own: parsed?.own,
    keyed:
      parsed?.place === undefined
        ? undefined
        : {
            place: parsed.place,
            before: parsed.before,
            next: undefined,
            previous: undefined,
            over: undefined,
            startedAt: 0,
          },
    stage: FIRST_STAGE,
    before: undefined,
    after: undefined,
    fetchedAt,
    leaseEndsAt,
    commit: undefined,
    committed: '',
    startedAt: 0,
    endedAt: 0,
    full: false,
    call: undefined,
    trace: undefined,
    abortController: undefined,
  }
}

export function signalOf(entry: LeasedEntry): AbortSignal {
  return (entry.abortController ??= new AbortController()).signal
}

/** Aborts the signal of the handler. A handler that reads its signal later gets an aborted one. */
export function abort(entry: LeasedEntry, reason: Error): void {
  ;(entry.abortController ??= new AbortController()).abort(reason)
}

/** Whether what the handler of the entry does is ignored: it ended in another way, or its lease was lost. A commit leaves the handler its time. */
export function attemptOver({ stage, commit, abortController }: LeasedEntry): boolean {
  return (
    abortController?.signal.aborted === true ||
    (stage !== 'running' && stage !== 'committing' && commit === undefined)
  )
}

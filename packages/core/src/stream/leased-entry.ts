import { FIRST_STAGE, type Staged } from './delivery-state.ts'
import type { EntryFields } from './entry-fields.ts'
import { NEW, SOURCES } from './sources.ts'

/** An entry as a read brought it. */
export interface FetchedEntry {
  /** Its id in its source. */
  readonly position: string
  /** An index into `SOURCES`. */
  readonly source: number
  readonly fields: readonly string[]
}

/** An entry under this worker's lease: a delivery. */
export interface LeasedEntry extends EntryFields, Staged {
  readonly position: string
  /** An index into `SOURCES`. */
  readonly source: number
  /** Counts the entries that the worker fetched, so rises with the positions of each source. */
  readonly order: number
  /** By the clock of this process, as `leaseEndsAt`. */
  readonly fetchedAt: number
  /** After it another worker may have the entry. Only `leases.ts` writes it. */
  leaseEndsAt: number
  /** Made when its handler asks for the signal, or when it must be aborted. */
  abortController: AbortController | undefined
}

export function leasedEntry(
  { position, source, fields }: FetchedEntry,
  order: number,
  fetchedAt: number,
  leaseEndsAt: number,
): LeasedEntry {
  // The usual entry has a payload and nothing else.
  const plain = source === NEW && fields.length === 2 && fields[0] === 'd'
  const parsed = plain ? undefined : SOURCES[source]?.parse(position, fields)
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
    stage: FIRST_STAGE,
    fetchedAt,
    leaseEndsAt,
    abortController: undefined,
  }
}

export function signalOf(entry: LeasedEntry): AbortSignal {
  return (entry.abortController ??= new AbortController()).signal
}

/** Tells the handler to stop. A signal that nobody asked for so far is aborted when its handler asks for it. */
export function abort(entry: LeasedEntry, reason: Error): void {
  ;(entry.abortController ??= new AbortController()).abort(reason)
}

import { createTopic, type Taps } from '../events.ts'
import { errorText, printable } from '../text.ts'
import { warn } from '../warn.ts'
import type { DeadLetterKind } from './dead-letter-types.ts'
import type { WorkerEvent, WorkerEventDetails, WorkerIdentity } from './event-types.ts'
import type { LeasedEntry } from './leased-entry.ts'
import type { Move } from './settlement.ts'

/** Identifies a delivery in events. */
export interface DeliveryId {
  readonly id: string
  readonly attempt: number
  readonly fence: number
}

/** Reports what happens to a worker and its entries. */
export interface WorkerEvents {
  on(listener: (event: WorkerEvent) => void): () => void
  /** Its handler is called, at that time by the clock of this process. */
  started(entry: LeasedEntry, now: number): void
  failed(entry: LeasedEntry, error: unknown): void
  lost(entry: LeasedEntry): void
  cancelled(entry: LeasedEntry): void
  /** Redis has stored the outcome. Without `move` the entry is done. */
  settled(entry: LeasedEntry, move: Move | undefined): void
  recovered(delivery: DeliveryId): void
  dead(delivery: DeliveryId, why: DeadLetterKind, error: unknown): void
  paused(paused: boolean): void
  trouble(error: unknown): void
  resumed(): void
}

/** So long the difference between the clock of this process and that of the machine is used. */
const COMPARED_FOR_MS = 5

/** Every event has the fields of `identity`. */
export function createWorkerEvents(identity: WorkerIdentity, taps?: Taps): WorkerEvents {
  const topic = createTopic<WorkerEvent>('penknife:worker', taps)
  const { space, name, group, consumer } = identity
  let warned = false
  let comparedAt = -Infinity
  let ahead = 0

  /** Milliseconds since 1970. Reading both clocks for each entry would cost as much as its event. */
  function dateOf(now: number): number {
    if (now - comparedAt > COMPARED_FOR_MS) {
      comparedAt = performance.now()
      ahead = Date.now() - comparedAt
    }
    return now + ahead
  }

  function emit(event: WorkerEventDetails): void {
    topic.emit({ ...event, ...identity })
  }

  /** The first fault is a process warning if nobody listens, so that a worker does not fail in silence. */
  function report(fault: string, error: unknown): void {
    if (warned || topic.hasListeners) return
    warned = true
    const worker = `a worker of group '${identity.group}' of stream '${identity.name}'`
    warn(
      'PENKNIFE_WORKER',
      `${worker} ${fault}: ${printable(errorText(error), 1000)}; listen with worker.on(…) for every later fault`,
    )
  }

  function dead(delivery: DeliveryId, why: DeadLetterKind, error: unknown): void {
    report(`gave up on entry ${delivery.id}`, error)
    emit({ kind: 'dead', ...delivery, why, error })
  }

  return {
    on: (listener) => topic.on(listener),
    started(entry, now) {
      if (!topic.observed) return
      // Literals: spreading objects for each entry cost more than handling it.
      const { id, attempt, fence, position } = entry
      entry.startedAt = now
      // A position begins with the time by Redis' clock at which the entry got its place.
      const waitMs = Math.max(0, dateOf(now) - Number.parseInt(position, 10))
      topic.emit({ kind: 'started', id, attempt, fence, waitMs, space, name, group, consumer })
    },
    failed(entry, error) {
      if (topic.observed) emit({ kind: 'failed', ...idOf(entry), runMs: runMsOf(entry), error })
    },
    lost: (entry) => emit({ kind: 'lost', ...idOf(entry) }),
    cancelled: (entry) => emit({ kind: 'cancelled', ...idOf(entry) }),
    settled(entry, move) {
      if (move?.to === 'dead') {
        // This delivery of one that had no attempt left was not an attempt.
        const attempt = move.why === 'vanished' ? entry.attempt - 1 : entry.attempt
        return dead({ ...idOf(entry), attempt }, move.why, move.error)
      }
      if (!topic.observed) return
      const { id, attempt, fence } = entry
      if (!move || move.to === 'done') {
        const runMs = runMsOf(entry)
        return topic.emit({ kind: 'done', id, attempt, fence, runMs, space, name, group, consumer })
      }
      const delivery = { id, attempt, fence }
      if (move.to === 'retrying') emit({ kind: 'retrying', ...delivery, delayMs: move.delayMs })
      else if (move.to === 'delayed') emit({ kind: 'delayed', id: entry.id, untilMs: move.dueMs })
      else emit({ kind: 'returned', ...delivery, why: move.why })
    },
    recovered(delivery) {
      if (topic.observed) emit({ kind: 'recovered', ...delivery })
    },
    dead,
    paused: (paused) => emit({ kind: paused ? 'paused' : 'unpaused' }),
    trouble(error) {
      report('has trouble and tries again', error)
      emit({ kind: 'trouble', error })
    },
    resumed: () => emit({ kind: 'resumed' }),
  }
}

function idOf({ id, attempt, fence }: LeasedEntry): DeliveryId {
  return { id, attempt, fence }
}

/** How long its handler ran, until now if it has not ended; undefined if nobody listened when it started. */
function runMsOf({ startedAt, endedAt }: LeasedEntry): number | undefined {
  return startedAt === 0 ? undefined : (endedAt || performance.now()) - startedAt
}

import { createTopic } from '../events.ts'
import { errorText, printable } from '../text.ts'
import type { LeasedEntry } from './leased-entry.ts'
import type { Move } from './settlement.ts'
import type { DeadLetterKind, WorkerEvent } from './types.ts'

/** What identifies a delivery in events. */
export interface DeliveryId {
  readonly id: string
  readonly attempt: number
  readonly fence: number
}

/** Reports what happens to a worker and its entries. */
export interface WorkerEvents {
  on(listener: (event: WorkerEvent) => void): () => void
  started(entry: LeasedEntry): void
  failed(entry: LeasedEntry, error: unknown): void
  lost(entry: LeasedEntry): void
  /** Redis has the outcome; without `move` the entry is finished. */
  settled(entry: LeasedEntry, move: Move | undefined): void
  recovered(delivery: DeliveryId): void
  dead(delivery: DeliveryId, why: DeadLetterKind, error: unknown): void
  paused(paused: boolean): void
  trouble(error: unknown): void
  resumed(): void
}

/** `context` is added to the events on the node:diagnostics_channel `penknife:worker`. */
export function createWorkerEvents(context: {
  readonly space: string
  readonly stream: string
  readonly group: string
  readonly consumer: string
}): WorkerEvents {
  const topic = createTopic<WorkerEvent>('penknife:worker', context)
  let warned = false

  /** The first fault that nobody listens to is a warning, so that a worker does not fail in silence. */
  function warn(what: string, error: unknown): void {
    if (warned || topic.heard) return
    warned = true
    const name = `worker of ${context.stream}/${context.group}`
    process.emitWarning(
      `${name} ${what}: ${printable(errorText(error), 1000)}; worker.on(…) reports everything`,
      'PenknifeWarning',
    )
  }

  function dead(delivery: DeliveryId, why: DeadLetterKind, error: unknown): void {
    warn(`gave up on entry ${delivery.id}`, error)
    topic.emit({ kind: 'dead', ...delivery, why, error })
  }

  return {
    on: (listener) => topic.on(listener),
    started(entry) {
      if (topic.heard) topic.emit({ kind: 'started', ...idOf(entry) })
    },
    failed(entry, error) {
      if (topic.heard) topic.emit({ kind: 'failed', ...idOf(entry), error })
    },
    lost: (entry) => topic.emit({ kind: 'lost', ...idOf(entry) }),
    settled(entry, move) {
      if (move?.to === 'dead') return dead(idOf(entry), move.why, move.error)
      if (!topic.heard) return
      const delivery = idOf(entry)
      if (!move) topic.emit({ kind: 'done', ...delivery })
      else if (move.to === 'later') topic.emit({ kind: 'retrying', ...delivery, delayMs: move.delayMs })
      else if (move.to === 'at') topic.emit({ kind: 'delayed', id: entry.id, untilMs: move.dueMs })
      else topic.emit({ kind: 'returned', ...delivery, why: move.why })
    },
    recovered(delivery) {
      if (topic.heard) topic.emit({ kind: 'recovered', ...delivery })
    },
    dead,
    paused: (paused) => topic.emit({ kind: paused ? 'paused' : 'unpaused' }),
    trouble(error) {
      warn('is in trouble', error)
      topic.emit({ kind: 'trouble', error })
    },
    resumed: () => topic.emit({ kind: 'resumed' }),
  }
}

function idOf({ id, attempt, fence }: LeasedEntry): DeliveryId {
  return { id, attempt, fence }
}

import { type Duration, durationMs, LONGEST_DEADLINE_MS } from '../duration.ts'
import type { Effect } from '../record/effect.ts'
import type { CommitAnswer } from '../record/types.ts'
import { type LeasedEntry, signalOf } from './leased-entry.ts'
import { streamPosition } from './run-entries.ts'
import type { Delivery, StreamEntryLease } from './worker-types.ts'

/** The fields that all deliveries of a worker share. */
export interface DeliveryContext {
  /** The keys of the sources. */
  readonly sourceKeys: readonly string[]
  readonly group: string
  readonly consumer: string
  readonly commit: (entry: LeasedEntry, effects: readonly Effect[]) => Promise<CommitAnswer<never>>
  /** See `Delivery`. */
  readonly extend: (entry: LeasedEntry, ms: number) => boolean
  readonly progress: (entry: LeasedEntry, value: unknown) => Promise<boolean>
  readonly write: (entry: LeasedEntry, text: string) => Promise<boolean>
  readonly limited: (entry: LeasedEntry, ms: number) => Promise<void>
}

/** The delivery that a handler gets. Rarely used fields are computed when they are read. */
export class HandlerDelivery<T> implements Delivery<T> {
  readonly id: string
  readonly payload: T
  readonly attempt: number
  readonly fence: number
  readonly traceparent: string | undefined
  readonly #entry: LeasedEntry
  readonly #context: DeliveryContext

  constructor(entry: LeasedEntry, payload: T, context: DeliveryContext) {
    this.id = entry.id
    this.payload = payload
    this.attempt = entry.attempt
    this.fence = entry.fence
    this.traceparent = entry.traceparent
    this.#entry = entry
    this.#context = context
  }

  get key(): string | undefined {
    return this.#entry.keyed?.place.split('\x01', 1)[0]
  }

  get addedAtMs(): number {
    return Number.parseInt(this.id, 10)
  }

  get signal(): AbortSignal {
    return signalOf(this.#entry)
  }

  /** A handler may take it out of the delivery: `async ({ payload, commit }) => …`. */
  get commit(): (...effects: readonly Effect[]) => Promise<CommitAnswer<never>> {
    const entry = this.#entry
    const { commit } = this.#context
    return (...effects) => commit(entry, effects)
  }

  /** As `commit`, it may be taken out of the delivery. */
  get extend(): (duration: Duration) => boolean {
    const entry = this.#entry
    const { extend } = this.#context
    return (duration) => extend(entry, durationMs('duration', duration, { max: LONGEST_DEADLINE_MS }))
  }

  get progress(): (value: unknown) => Promise<boolean> {
    const entry = this.#entry
    const { progress } = this.#context
    return (value) => progress(entry, value)
  }

  get write(): (text: string) => Promise<boolean> {
    const entry = this.#entry
    const { write } = this.#context
    return (text) => write(entry, text)
  }

  get limited(): (retryAfter: Duration) => Promise<void> {
    const entry = this.#entry
    const { limited } = this.#context
    return async (retryAfter) =>
      limited(
        entry,
        Math.max(1, Math.ceil(durationMs('retryAfter', retryAfter, { min: 0, max: LONGEST_DEADLINE_MS }))),
      )
  }

  get lease(): StreamEntryLease {
    const { sourceKeys, group, consumer } = this.#context
    const { source, position, fence } = this.#entry
    return { key: sourceKeys[source] as string, group, consumer, id: streamPosition(position), fence }
  }
}

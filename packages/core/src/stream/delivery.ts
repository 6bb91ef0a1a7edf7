import { type LeasedEntry, signalOf } from './leased-entry.ts'
import type { Delivery, StreamEntryLease } from './types.ts'

/** What is the same for all deliveries of a worker. */
export interface DeliveryContext {
  /** The keys of the sources. */
  readonly sourceKeys: readonly string[]
  readonly group: string
  readonly consumer: string
}

/** What a handler gets. Only what it asks for is made. */
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

  get addedAtMs(): number {
    return Number.parseInt(this.id, 10)
  }

  get signal(): AbortSignal {
    return signalOf(this.#entry)
  }

  get lease(): StreamEntryLease {
    const { sourceKeys, group, consumer } = this.#context
    const { source, position, fence } = this.#entry
    return { key: sourceKeys[source] as string, group, consumer, id: position, fence }
  }
}

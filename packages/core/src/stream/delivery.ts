import { fieldOf } from './entries.ts'
import type { Delivery, EntryLease } from './types.ts'

/** An entry as a read brought it. */
export interface Arrival {
  /** Its id in the stream it was read from, the group's own or the main one. */
  readonly position: string
  readonly ready: boolean
  readonly fields: readonly string[]
}

/**
 * Where a delivery stands: it waits for room, its handler runs, its outcome is on the way to Redis. 'over': it is told,
 * or not this worker's any more.
 */
export type Stage = 'waiting' | 'running' | 'ending' | 'over'

/** An entry under this worker's lease. */
export interface Held {
  readonly position: string
  readonly ready: boolean
  /** Counts the arrivals of a worker, so rises with the positions of each stream. */
  readonly order: number
  /** The entry's own id. */
  readonly id: string
  readonly attempt: number
  readonly fence: number
  readonly json: string | undefined
  readonly traceparent: string | undefined
  /** Not before, in Redis' milliseconds. */
  readonly due: number | undefined
  /** By the clock of this process, as `leaseEndsAt`. */
  readonly arrivedAt: number
  stage: Stage
  /** By the clock of this process; after it another worker may have the entry. */
  leaseEndsAt: number
  /** Made when its handler asks for the signal, or when it must be aborted. */
  control: AbortController | undefined
}

export function toHeld(
  { position, ready, fields }: Arrival,
  order: number,
  arrivedAt: number,
  leaseEndsAt: number,
): Held {
  const plain = fields.length === 2 && fields[0] === 'd'
  const used = ready ? Number(fieldOf(fields, 'a') ?? 0) : 0
  const due = plain || ready ? undefined : fieldOf(fields, 'n')
  return {
    position,
    ready,
    order,
    id: ready ? (fieldOf(fields, 'i') ?? position) : position,
    attempt: used + 1,
    fence: (ready ? Number(fieldOf(fields, 'f') ?? 0) : 0) + 1,
    json: plain ? fields[1] : fieldOf(fields, 'd'),
    traceparent: plain ? undefined : fieldOf(fields, 't'),
    due: due === undefined ? undefined : Number(due),
    stage: 'waiting',
    arrivedAt,
    leaseEndsAt,
    control: undefined,
  }
}

/** What is the same for all deliveries of a worker. */
export interface Place {
  readonly stream: string
  readonly ready: string
  readonly group: string
  readonly consumer: string
}

/** What a handler gets: what costs something is made when it is asked for. */
export class Handed<T> implements Delivery<T> {
  readonly id: string
  readonly payload: T
  readonly attempt: number
  readonly fence: number
  readonly traceparent: string | undefined
  readonly #held: Held
  readonly #place: Place

  constructor(held: Held, payload: T, place: Place) {
    this.id = held.id
    this.payload = payload
    this.attempt = held.attempt
    this.fence = held.fence
    this.traceparent = held.traceparent
    this.#held = held
    this.#place = place
  }

  get addedAtMs(): number {
    return Number.parseInt(this.id, 10)
  }

  get signal(): AbortSignal {
    return controlOf(this.#held).signal
  }

  get lease(): EntryLease {
    const { stream, ready, group, consumer } = this.#place
    const { position, fence } = this.#held
    return { key: this.#held.ready ? ready : stream, group, consumer, id: position, fence }
  }
}

export function controlOf(held: Held): AbortController {
  return (held.control ??= new AbortController())
}

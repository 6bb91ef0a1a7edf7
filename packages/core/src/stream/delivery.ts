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
  /** A worker vanished with it before: it may be what kills its processes. */
  readonly suspect: boolean
  /** By the clock of this process, as `leaseEndsAt`. */
  readonly arrivedAt: number
  stage: Stage
  /** By the clock of this process; after it another worker may have the entry. */
  leaseEndsAt: number
  /** Made when its handler asks for the signal, or when it must be aborted. */
  control: AbortController | undefined
}

type Saved = Pick<Held, 'id' | 'attempt' | 'fence' | 'json' | 'traceparent' | 'due' | 'suspect'>

/**
 * What an entry says by its fields, which mean what its stream says, as lua/_lib/stream/entry.lua has it. Of what something else
 * wrote only the payload is believed, in the main stream; in the group's own it is no payload at all.
 */
function read(position: string, ready: boolean, fields: readonly string[]): Saved {
  const payload = fieldOf(fields, 'd')
  if (ready) {
    const [id, used, fence] = [fieldOf(fields, 'i'), fieldOf(fields, 'a'), fieldOf(fields, 'f')]
    const known = id !== undefined && /^\d+-\d+$/.test(id) && isCount(used) && isCount(fence)
    if (!known) return { ...FOREIGN, id: '0-0', json: undefined }
    const traceparent = fieldOf(fields, 't')
    return {
      id,
      attempt: Number(used) + 1,
      fence: Number(fence) + 1,
      json: payload,
      traceparent,
      due: undefined,
      suspect: fieldOf(fields, 'v') !== undefined,
    }
  }
  const names = fields.filter((_, at) => at % 2 === 0).join()
  const due = fieldOf(fields, 'n')
  if (!ADDED.test(names) || (due !== undefined && !isCount(due))) {
    return { ...FOREIGN, id: position, json: payload }
  }
  const traceparent = fieldOf(fields, 't')
  return { ...FOREIGN, id: position, json: payload, traceparent, due: due === undefined ? due : Number(due) }
}

/** The fields that `add` writes, in order. */
const ADDED = /^d(,t)?(,n)?$/
const FOREIGN: Omit<Saved, 'id' | 'json'> = {
  attempt: 1,
  fence: 1,
  traceparent: undefined,
  due: undefined,
  suspect: false,
}

function isCount(text: string | undefined): text is string {
  return text !== undefined && /^\d{1,15}$/.test(text)
}

export function toHeld(
  { position, ready, fields }: Arrival,
  order: number,
  arrivedAt: number,
  leaseEndsAt: number,
): Held {
  const plain = !ready && fields.length === 2 && fields[0] === 'd'
  const saved = plain ? undefined : read(position, ready, fields)
  return {
    position,
    ready,
    order,
    id: saved ? saved.id : position,
    attempt: saved ? saved.attempt : 1,
    fence: saved ? saved.fence : 1,
    json: saved ? saved.json : fields[1],
    traceparent: saved?.traceparent,
    due: saved?.due,
    suspect: saved?.suspect ?? false,
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

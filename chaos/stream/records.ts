import type { DeadLetterKind, WorkerEvent } from '@penknife/core'

import type { FaultRecord } from '../harness/cast.ts'

/** A record of a producer. */
export type ProducerRecord =
  /** It is about to add entry `n`. */
  | { readonly k: 'add'; readonly n: number }
  /** Redis confirmed it. */
  | { readonly k: 'added'; readonly n: number; readonly id: string }
  /** The add failed with this fate and code. */
  | { readonly k: 'failed add'; readonly n: number; readonly fate: string; readonly code: string }
  /** Its share is added. */
  | { readonly k: 'all added' }

/** A record of a worker. */
export type WorkerRecord =
  | { readonly k: 'born'; readonly stream: string; readonly group: string }
  /** It is about to ask the limiter about an entry. */
  | { readonly k: 'asked'; readonly id: string }
  /** The handler of an entry starts, with this attempt and fence. */
  | {
      readonly k: 'start'
      readonly id: string
      readonly a: number
      readonly f: number
      readonly n: number
      /** Whether the payload arrived unchanged. */
      readonly intact: boolean
    }
  /** The handler is about to resolve or to throw. */
  | { readonly k: 'end'; readonly id: string; readonly a: number; readonly f: number; readonly ok: boolean }
  /** An event of the worker. */
  | {
      readonly k: 'done' | 'lost' | 'returned' | 'recovered' | 'failed'
      readonly id: string
      readonly a: number
      readonly f: number
    }
  | {
      readonly k: 'retrying'
      readonly id: string
      readonly a: number
      readonly f: number
      readonly delayMs: number
    }
  | {
      readonly k: 'dead'
      readonly id: string
      readonly a: number
      readonly f: number
      readonly why: DeadLetterKind
    }
  | { readonly k: 'trouble'; readonly error: string }
  | { readonly k: 'resumed' }
  | { readonly k: 'closing' | 'closed' }

export type Record = ProducerRecord | WorkerRecord | FaultRecord

/** The record of a worker's event; undefined if the checker does not need it. */
export function recordOf(event: WorkerEvent): WorkerRecord | undefined {
  switch (event.kind) {
    case 'done':
    case 'lost':
    case 'returned':
    case 'recovered':
    case 'failed':
      return { k: event.kind, id: event.id, a: event.attempt, f: event.fence }
    case 'retrying':
      return { k: 'retrying', id: event.id, a: event.attempt, f: event.fence, delayMs: event.delayMs }
    case 'dead':
      return { k: 'dead', id: event.id, a: event.attempt, f: event.fence, why: event.why }
    case 'trouble':
      return { k: 'trouble', error: String(event.error) }
    case 'resumed':
      return { k: 'resumed' }
    default:
      return undefined
  }
}

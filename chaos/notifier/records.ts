import type { FaultRecord } from '../harness/cast.ts'

export type PublisherRecord =
  | { readonly k: 'publish'; readonly p: number; readonly n: number }
  | {
      readonly k: 'published'
      readonly p: number
      readonly n: number
      readonly c: string
      readonly id: string
    }
  | { readonly k: 'failed publish'; readonly p: number; readonly n: number; readonly code: string }

export type ServerRecord =
  | { readonly k: 'memory'; readonly rss: number }
  | { readonly k: 'warning'; readonly text: string }
  | { readonly k: 'closing' | 'closed' | 'stuck' }

/** What a client sees. `w` is its number in its process; a cursor is a position for each of some channels. */
export type ClientRecord =
  /** It exists, and follows these channels. */
  | { readonly k: 'follows'; readonly w: number; readonly channels: readonly string[] }
  /** It connects, or begins to subscribe, with this cursor. */
  | { readonly k: 'begins'; readonly w: number; readonly cursor: string }
  /** An event of channel `c`; `intact` when it is what was published there. */
  | {
      readonly k: 'event'
      readonly w: number
      readonly c: string
      readonly cursor: string
      readonly p: number
      readonly n: number
      readonly intact: boolean
    }
  | { readonly k: 'reset'; readonly w: number; readonly c: string; readonly cursor: string }
  /** It is told where it is, without an event. */
  | { readonly k: 'position'; readonly w: number; readonly cursor: string }
  | { readonly k: 'opened' | 'cut' | 'stalls' | 'leaves'; readonly w: number }
  /** It was told never to come back. */
  | { readonly k: 'turned away'; readonly w: number; readonly why: string }

/** What the history of a channel is, read from Redis directly. */
export type ArchiveRecord =
  /** The next event of the channel's history. */
  | {
      readonly k: 'kept'
      readonly c: string
      readonly id: string
      readonly p: number
      readonly n: number
      readonly s?: string
    }
  /** From now on the first event kept is this one; the ones before are trimmed. */
  | { readonly k: 'first'; readonly c: string; readonly id: string }
  /** What came after this position is lost; null for all of it. */
  | { readonly k: 'lost'; readonly c: string; readonly after: string | null }

export type Record = PublisherRecord | ServerRecord | ClientRecord | ArchiveRecord | FaultRecord

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

/** A record of a client. `w` is its number in its process. A cursor has a position for each of some channels. */
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
  /** It gets its position, without an event. */
  | { readonly k: 'position'; readonly w: number; readonly cursor: string }
  | { readonly k: 'opened' | 'cut' | 'stalls' | 'leaves'; readonly w: number }
  /** It got the farewell `closed`: it must not reconnect. */
  | { readonly k: 'turned away'; readonly w: number; readonly why: string }

/** A record about the history of a channel, read from Redis directly. */
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
  /** The first event of the history now. Earlier ones were trimmed. */
  | { readonly k: 'first'; readonly c: string; readonly id: string }
  /** The events after this position are lost. Null: the whole history. */
  | { readonly k: 'lost'; readonly c: string; readonly after: string | null }

/** States of the board, by number. */
export type ScorerRecord =
  | { readonly k: 'scores' | 'scored'; readonly n: number }
  | { readonly k: 'failed score'; readonly n: number; readonly code: string }

/** Guests stay in these halls: hall and guest of each. */
export interface GuestRecord {
  readonly k: 'stays'
  readonly at: readonly (readonly string[])[]
}

/** A record of one who watches. `v` is the number of a view, `h` of one who follows the halls. */
export type WatcherRecord =
  /** A view shows this state; null: rows that are no state. */
  | { readonly k: 'picture'; readonly v: number; readonly n: number | null; readonly rows?: string }
  | { readonly k: 'came' | 'went'; readonly h: number; readonly c: string; readonly m: string }
  /** Events before are not known. */
  | { readonly k: 'gap'; readonly h: number; readonly c: string }
  | { readonly k: 'present'; readonly h: number; readonly c: string; readonly members: readonly string[] }

/** What Redis has in the end, and who is in the halls. */
export type HallRecord =
  | { readonly k: 'in the history'; readonly c: string; readonly m: string; readonly joined: boolean }
  | { readonly k: 'in the end'; readonly c: string; readonly members: readonly string[] }

export type Record =
  | PublisherRecord
  | ServerRecord
  | ClientRecord
  | ArchiveRecord
  | FaultRecord
  | ScorerRecord
  | GuestRecord
  | WatcherRecord
  | HallRecord

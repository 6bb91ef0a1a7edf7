import type { FaultRecord } from '../harness/cast.ts'

/** A record of a process. `at` is the time before the call, `t` the time after it. */
export type MemberRecord =
  /** It got a lease of a lock or of permits; `at`: before the call was sent. */
  | {
      readonly k: 'got'
      readonly of: string
      readonly fence: number
      readonly weight: number
      readonly at: number
    }
  /** At `at` its lease was in force, by its own knowledge. */
  | { readonly k: 'holds'; readonly of: string; readonly fence: number; readonly at: number }
  | { readonly k: 'releases'; readonly of: string; readonly fence: number }
  /** A write with its fence was accepted. The version gives the order. */
  | { readonly k: 'wrote'; readonly of: string; readonly fence: number; readonly version: number }
  | { readonly k: 'refused write'; readonly of: string; readonly fence: number }
  /** It is about to decrement the stock, or to commit a reservation. */
  | { readonly k: 'takes'; readonly sku: string; readonly n: number; readonly id: string }
  | { readonly k: 'took' | 'took nothing'; readonly id: string }
  | { readonly k: 'reserved'; readonly id: string; readonly how: 'commit' | 'cancel' | 'leave' }
  /** A body runs; its caller got `first: true`; a caller got its result. */
  | { readonly k: 'body'; readonly id: string }
  | { readonly k: 'completed' | 'learned'; readonly id: string; readonly result: string }
  | { readonly k: 'failed'; readonly what: string; readonly code: string }
  | { readonly k: 'born' }
  | { readonly k: 'closing' | 'closed' }

export type Record = MemberRecord | FaultRecord

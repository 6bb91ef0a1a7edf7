import type { FaultRecord } from '../harness/cast.ts'

export type MemberRecord =
  /** A job is about to be recorded; it was, and these are the results; a repetition was answered. */
  | { readonly k: 'records'; readonly job: string }
  | { readonly k: 'recorded'; readonly job: string; readonly repeated: boolean; readonly results: string }
  /** A commit was answered. */
  | { readonly k: 'committed'; readonly job: string; readonly done: 'now' | 'before' | 'lost' }
  | { readonly k: 'failed'; readonly what: string; readonly code: string }
  | { readonly k: 'born' }
  | { readonly k: 'closing' | 'closed' }

export type Record = MemberRecord | FaultRecord

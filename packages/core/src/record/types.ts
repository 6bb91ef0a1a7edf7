import type { Duration } from '../duration.ts'
import type { Effect } from './effect.ts'
import type { RecordRefusalReason } from './refusals.ts'

export interface RecordOptions {
  /**
   * Names the call: while it is stored, all calls with the same id, from any process, change nothing and get the first answer. A
   * refused call is not stored. 1 to 512 characters.
   */
  readonly id?: string | undefined
  /** How long the answer is stored under `id`: 1 s to 31 d. Default: 1 h. */
  readonly window?: Duration | undefined
  /** As of a stream: what the call waits for after Redis has made the changes. Default: that of the streams in the call. */
  readonly durability?: 'replicated' | 'fsynced' | undefined
  /** As of a stream. */
  readonly replicas?: number | undefined
  /** Only says whether the changes would be made, and changes nothing. Results are undefined. Default: false. */
  readonly explain?: boolean | undefined
}

/** One refused change. */
export type RecordRefusal = RecordRefusalReason & {
  /** Its index in the call. */
  readonly effect: number
  /** What it was to change, such as `counters 'stock'`. */
  readonly target: string
}

/** The results of effects, in their order. */
export type RecordResults<Effects extends readonly Effect[]> = {
  readonly [At in keyof Effects]: Effects[At] extends Effect<infer Result> ? Result : never
}

/** All changes were made, or none. */
export type RecordAnswer<Results> =
  | {
      readonly ok: true
      /** A call with this id was made before: nothing was changed now, and these are its results. */
      readonly repeated: boolean
      readonly results: Results
    }
  | {
      readonly ok: false
      /** Every change that was refused. */
      readonly refused: readonly RecordRefusal[]
    }

/** What became of a commit. */
export type CommitAnswer<Results> =
  | {
      readonly ok: true
      /** `now`: by this call. `before`: this delivery had committed before, and these are the results of that. */
      readonly done: 'now' | 'before'
      readonly results: Results
    }
  /** The lease was lost: another worker has the entry, or it is finished. Nothing was changed. */
  | { readonly ok: false; readonly lost: true; readonly refused: readonly [] }
  /** Nothing was changed, and the entry is not finished: the handler decides what to do. */
  | { readonly ok: false; readonly lost: false; readonly refused: readonly RecordRefusal[] }

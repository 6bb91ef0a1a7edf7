import type { Duration } from '../duration.ts'
import type { Jsonified } from '../json.ts'

/**
 * Refuses a write when a holder of a later lease has written under the same key: `{ key: 'order-17', token: held.fence }`.
 *
 * Redis stores the highest token of each key until 31 days after the last write with it. All writes of a space share the keys:
 * counters, objects and `fencedWrite`.
 */
export interface Fence {
  /** Names what the lease protects, such as the key of the lock: 1 to 512 characters. */
  readonly key: string
  /** The `fence` of the lease. */
  readonly token: number
}

export interface FencedWriteOptions {
  /** How long the value is stored: '1s' to '366d'. Default: '31d'. */
  readonly ttl?: Duration | undefined
}

export type FencedWriteAnswer =
  | { readonly ok: true }
  /** A holder of a later lease wrote: nothing was written. `fence` is its token. */
  | { readonly ok: false; readonly reason: 'fence'; readonly fence: number }

/** A value that `fencedWrite` stored. */
export interface FencedValue<Value> {
  readonly value: Jsonified<Value>
  /** The token that wrote it. */
  readonly token: number
}

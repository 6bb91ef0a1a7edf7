import type { Duration } from '../duration.ts'
import type { Jsonified } from '../json.ts'
import type { Effect } from '../record/effect.ts'
import type { StandardSchema } from '../standard-schema.ts'

export interface ObjectsOptions<Value> {
  /** A Standard Schema (zod, valibot, arktype, …) that `set` and `update` hold whole values against. `merge` and `increment` do not. */
  readonly schema?: StandardSchema<unknown, Value>
  /** For how long an object outlives its last write: '1s' to '366d'. Default: for ever. */
  readonly ttl?: Duration
}

export interface ObjectWriteOptions {
  /** Writes only over this version, as `get` gave it; 0: only where there is none. */
  readonly ifVersion?: number
  /** The fence of the caller's lease: a write after one with a later fence is refused. */
  readonly fence?: number
}

export interface StoredObject<Value> {
  readonly value: Jsonified<Value>
  /** Rises with each write, also when the object was deleted in between. */
  readonly version: number
}

/** Why a write was refused: nothing was written. */
export type ObjectRefusal =
  /** Another version is there; 0 when there is none. */
  | { readonly ok: false; readonly reason: 'version'; readonly version: number }
  /** A holder of a later lease wrote. */
  | { readonly ok: false; readonly reason: 'fence'; readonly fence: number }

export type ObjectAnswer = { readonly ok: true; readonly version: number } | ObjectRefusal

export type IncrementAnswer =
  | { readonly ok: true; readonly version: number; readonly value: number }
  | ObjectRefusal
  /** The field would go below the floor or above the ceiling; `value` is what it is. */
  | { readonly ok: false; readonly reason: 'floor' | 'ceiling'; readonly value: number }
  | { readonly ok: false; readonly reason: 'not-a-number' }

export type UpdateAnswer<Value> =
  | ({ readonly ok: true } & StoredObject<Value>)
  /** The function gave undefined: nothing was written. */
  | { readonly ok: false; readonly reason: 'unchanged' }
  /** Others wrote in between as often as there were attempts. */
  | { readonly ok: false; readonly reason: 'conflict' }
  | Extract<ObjectRefusal, { readonly reason: 'fence' }>

export interface FieldIncrementOptions extends ObjectWriteOptions {
  readonly floor?: number
  readonly ceiling?: number
}

export interface ObjectUpdateOptions {
  readonly fence?: number
  /** How often the function is called at the most: 1 to 100. Default: 10. */
  readonly attempts?: number
}

/**
 * Values with versions: compare-and-set, and fields of objects that are changed alone. Made by `createObjects`.
 *
 * A plain object is a hash of its fields; any other value is kept whole. Each method is one script call, `update` two for each attempt;
 * calls of a tick travel together.
 */
export interface Objects<Value> {
  readonly name: string
  get(id: string): Promise<StoredObject<Value> | undefined>
  /** Replaces the whole value, of at most 64 KiB as JSON and 100 fields. */
  set(id: string, value: Value, options?: ObjectWriteOptions): Promise<ObjectAnswer>
  /** Sets some fields of an object and leaves the others. Undefined leaves a field, `remove` takes fields away. */
  merge(
    id: string,
    fields: Partial<Value>,
    options?: ObjectWriteOptions & { readonly remove?: readonly string[] },
  ): Promise<ObjectAnswer>
  /** Adds to a field, which is 0 where there is none. Fractions add up as doubles do. */
  increment(id: string, field: string, by?: number, options?: FieldIncrementOptions): Promise<IncrementAnswer>
  /**
   * Reads, gives the value to a function, and writes what that returns, if nobody wrote in between; else again, after a short random
   * pause. The function may be called several times: it must change nothing else.
   *
   * @throws what the function throws.
   */
  update(
    id: string,
    change: (value: Jsonified<Value> | undefined) => Value | undefined | Promise<Value | undefined>,
    options?: ObjectUpdateOptions,
  ): Promise<UpdateAnswer<Value>>
  /** The effect of `set`, for `record` and `commit`. Async schemas are awaited by the call. Its result is the version. */
  setting(id: string, value: Value, options?: ObjectWriteOptions): Effect<number>
  /** The effect of `merge`. */
  merging(
    id: string,
    fields: Partial<Value>,
    options?: ObjectWriteOptions & { readonly remove?: readonly string[] },
  ): Effect<number>
  /** The effect of `increment`. Its result is the field's value. */
  incrementing(id: string, field: string, by?: number, options?: FieldIncrementOptions): Effect<number>
  /** Deletes an object; `version` is the one that was deleted, 0 when there was none. */
  delete(id: string, options?: ObjectWriteOptions): Promise<ObjectAnswer>
}

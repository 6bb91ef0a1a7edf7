import type { Duration } from '../duration.ts'
import type { Jsonified } from '../json.ts'
import type { StandardSchema } from '../standard-schema.ts'
import type { Effect } from '../record/effect.ts'
import type { Fence } from './fence-types.ts'

export interface ObjectsOptions<Value> {
  /** A Standard Schema (zod, valibot, arktype, …). `set` and `update` check whole values against it; `merge` and `increment` do not. */
  readonly schema?: StandardSchema<unknown, Value> | undefined
  /** How long an object is stored after its last write: '1s' to '366d'. Default: for ever. */
  readonly ttl?: Duration | undefined
}

export interface ObjectWriteOptions {
  /** Writes only over this version, as `get` returned it; 0: only where there is none. */
  readonly ifVersion?: number | undefined
  /** Refuses the write when a holder of a later lease has written. */
  readonly fence?: Fence | undefined
}

export interface ObjectFieldsOptions extends ObjectWriteOptions {
  /**
   * How long the fields that this call sets are stored: '1ms' to '366d'. A later write of a field replaces its time, or ends it when it has
   * none. Needs Redis 7.4 or Valkey 9, and the command HPEXPIRE; elsewhere the call fails with PENKNIFE_REJECTED and writes nothing.
   * Default: as long as the object.
   */
  readonly fieldTtl?: Duration | undefined
}

export interface ObjectMergeOptions<Field extends string = string> extends ObjectFieldsOptions {
  /** Fields to delete. */
  readonly remove?: readonly Field[] | undefined
}

export interface ObjectIncrementOptions extends ObjectFieldsOptions {
  /** The field does not go below it. */
  readonly floor?: number | undefined
  /** The field does not go above it. */
  readonly ceiling?: number | undefined
}

export interface ObjectUpdateOptions {
  readonly fence?: Fence | undefined
  /** How often the function is called at the most: 1 to 100. Default: 10. */
  readonly attempts?: number | undefined
}

/** Some fields of a value. */
export type ObjectFields<Value> = { readonly [Field in keyof Value]?: Value[Field] | undefined }

/**
 * The names of a value's fields, of a union those of each member; any text if the value's type says nothing. `keyof` by itself is for
 * generic code, of which TypeScript does not resolve the rest.
 */
export type ObjectField<Value> =
  | (keyof Value & string)
  | (unknown extends Value ? string : Value extends object ? keyof Value & string : never)

export interface StoredObject<Value> {
  readonly value: Jsonified<Value>
  /** Rises with each write, also when the object was deleted in between. */
  readonly version: number
}

/** Why a write was refused: nothing was written. */
export type ObjectRefusal =
  /** Another version is stored; 0 when there is none. */
  | { readonly ok: false; readonly reason: 'version'; readonly version: number }
  /** A holder of a later lease wrote; `fence` is its token. */
  | { readonly ok: false; readonly reason: 'fence'; readonly fence: number }

export type ObjectAnswer = { readonly ok: true; readonly version: number } | ObjectRefusal

export type ObjectMergeAnswer =
  | ObjectAnswer
  /** The value is stored whole, so it has no fields to change: it is no plain object, or has a field that cannot be stored by itself. */
  | { readonly ok: false; readonly reason: 'not-an-object' }

export type ObjectIncrementAnswer =
  | { readonly ok: true; readonly version: number; readonly value: number }
  | Exclude<ObjectMergeAnswer, { readonly ok: true }>
  /** The field would go below the floor or above the ceiling; `value` is its value. */
  | { readonly ok: false; readonly reason: 'floor' | 'ceiling'; readonly value: number }
  | { readonly ok: false; readonly reason: 'not-a-number' }

export type ObjectUpdateAnswer<Value> =
  | ({ readonly ok: true } & StoredObject<Value>)
  /** The function returned undefined: nothing was written. */
  | { readonly ok: false; readonly reason: 'unchanged' }
  /** Others wrote in between as often as there were attempts. */
  | { readonly ok: false; readonly reason: 'conflict' }
  | Extract<ObjectRefusal, { readonly reason: 'fence' }>

/**
 * Values with versions: compare-and-set, and changes of single fields. Created by `createObjects`.
 *
 * A plain object is a hash of its fields; any other value is stored whole, and so is an object with a field name that is empty, begins
 * with a colon or has more than 128 characters. Each method is one script call, `update` two for each attempt;
 * calls of a tick share one command.
 */
export interface Objects<Value> {
  readonly name: string
  get(id: string): Promise<StoredObject<Value> | undefined>
  /** Replaces the whole value, of at most 64 KiB as JSON and 100 fields. */
  set(id: string, value: Value, options?: ObjectWriteOptions): Promise<ObjectAnswer>
  /** Sets some fields of an object and leaves the others. Undefined leaves a field as it is; `remove` deletes fields. */
  merge(
    id: string,
    fields: ObjectFields<Value>,
    options?: ObjectMergeOptions<ObjectField<Value>>,
  ): Promise<ObjectMergeAnswer>
  /** Adds to a field, which is 0 where there is none. Fractions add up as doubles do. */
  increment(
    id: string,
    field: ObjectField<Value>,
    by?: number,
    options?: ObjectIncrementOptions,
  ): Promise<ObjectIncrementAnswer>
  /**
   * Reads the value, calls a function with it, and writes the result, if nobody wrote in between; else it tries again, after a short
   * random pause. The function may be called several times: it must not change anything else.
   *
   * @throws what the function throws.
   */
  update(
    id: string,
    change: (value: Jsonified<Value> | undefined) => Value | undefined | Promise<Value | undefined>,
    options?: ObjectUpdateOptions,
  ): Promise<ObjectUpdateAnswer<Value>>
  /** The effect of `set`, for `record` and `commit`. Its result is the version. An async schema is awaited by that call. */
  setting(id: string, value: Value, options?: ObjectWriteOptions): Effect<number>
  /** The effect of `merge`. Its result is the version. */
  merging(
    id: string,
    fields: ObjectFields<Value>,
    options?: ObjectMergeOptions<ObjectField<Value>>,
  ): Effect<number>
  /** The effect of `increment`. Its result is the field's value. */
  incrementing(
    id: string,
    field: ObjectField<Value>,
    by?: number,
    options?: ObjectIncrementOptions,
  ): Effect<number>
  /** The effect of `delete`. Its result is the deleted version, 0 when there was none. */
  deleting(id: string, options?: ObjectWriteOptions): Effect<number>
  /** Deletes an object; `version` is the deleted one, 0 when there was none. */
  delete(id: string, options?: ObjectWriteOptions): Promise<ObjectAnswer>
}

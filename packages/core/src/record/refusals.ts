/** Why a change was refused, and what is there. */
export type RecordRefusalReason =
  /** A counter, or a field of an object, would go below its floor or above its ceiling. */
  | {
      readonly reason: 'floor' | 'ceiling'
      /** The counter, or the field. */
      readonly counter: string
      readonly value: number
      /** Of a counter: what can be taken, or added, until then. */
      readonly available?: number
      readonly room?: number
    }
  /** The stream has reached its `maxBacklog`. */
  | { readonly reason: 'full' }
  /** A limiter denies: `rule` is the one that allows the call last. */
  | {
      readonly reason: 'limit'
      readonly rule: string
      readonly violated: readonly string[]
      readonly remaining: number
      readonly retryAfterMs: number
      /** Of a blocked subject. */
      readonly blocked?: { readonly reason: string; readonly endsInMs: number }
    }
  /** The deduper knows the id. */
  | { readonly reason: 'known' }
  /** The object has another version; 0: there is none. */
  | { readonly reason: 'version'; readonly version: number }
  /** A holder of a later lease wrote under the fence's key; `fence` is its token. */
  | { readonly reason: 'fence'; readonly fence: number }
  /** The stored value has no fields that could be changed: see `ObjectMergeAnswer`. */
  | { readonly reason: 'not-an-object' }
  /** The field of the object is not a number. */
  | { readonly reason: 'not-a-number'; readonly field: string }

import type { Runtime, Space } from '../redis/penknife.ts'

/** What `rebuild` needs to know of an object that it compares. */
export interface Comparable {
  readonly title: string
  readonly space: string
  readonly runtime: Runtime
  /** A sorted set, a hash, or the histories of channels. */
  readonly kind: 'z' | 'h' | 'x'
  /** The key; of a channel for 'x'. Undefined when the object changes with time alone, so that it cannot be rebuilt. */
  readonly keyOf: ((channel: string) => string) | undefined
  /** A stored value as two equal objects have it. Null: there is none. */
  readonly valueOf: (stored: string | null) => number | string | undefined
}

/** What `rebuild` needs to know of the stream that it reads. */
export interface Source {
  readonly title: string
  readonly space: Space
  readonly runtime: Runtime
  readonly key: string
  /** Whether entries stay after they were handled. */
  readonly isLog: boolean
}

const comparables = new WeakMap<object, Comparable>()
const sources = new WeakMap<object, Source>()

/** A feature describes its object, and returns it. */
export function comparable<Value extends object>(object: Value, parts: Comparable): Value {
  comparables.set(object, parts)
  return object
}

export function comparableOf(object: unknown): Comparable | undefined {
  return typeof object === 'object' && object !== null ? comparables.get(object) : undefined
}

export function source<Value extends object>(stream: Value, parts: Source): Value {
  sources.set(stream, parts)
  return stream
}

export function sourceOf(stream: unknown): Source | undefined {
  return typeof stream === 'object' && stream !== null ? sources.get(stream) : undefined
}

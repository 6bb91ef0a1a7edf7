import type { Runtime } from '../redis/penknife.ts'
import type { Effect } from './effect.ts'

/** A limiter that a script of its space can charge, for workers. */
export interface Taking {
  readonly space: string
  readonly runtime: Runtime
  /** Its only rule, for lua/limiter/take.lua; undefined for other rules. */
  readonly bucket: Buffer | undefined
  /** The effect of taking one token. */
  readonly of: (subject: string | Readonly<Record<string, string>>) => Effect
}

const takings = new WeakMap<object, Taking>()

/** A limiter describes itself, and is returned. */
export function withTaking<Value extends object>(limiter: Value, taking: Taking): Value {
  takings.set(limiter, taking)
  return limiter
}

export function takingOf(limiter: object): Taking | undefined {
  return takings.get(limiter)
}

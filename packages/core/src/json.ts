import { invalid } from './errors.ts'
import { errorText } from './text.ts'

/**
 * The type of a value after a round trip through JSON. An object with `toJSON` becomes the result of that (a Date becomes text);
 * other objects lose their methods. `never` for values that JSON cannot represent, such as a Map; they are refused.
 */
export type Jsonified<T> = unknown extends T
  ? T
  : T extends string | number | boolean | null | undefined
    ? T
    : T extends { toJSON(...args: never[]): infer Json }
      ? Jsonified<Json>
      : T extends Unjson
        ? never
        : T extends readonly unknown[]
          ? JsonifiedList<T>
          : {
              [Key in keyof T as T[Key] extends (...args: never[]) => unknown ? never : Key]: Jsonified<
                T[Key]
              >
            }

/** Tuples stay tuples. Of other lists TypeScript resolves the items later, so a type may contain lists of itself. */
type JsonifiedList<T extends readonly unknown[]> = T[number][] extends T
  ? T extends unknown[]
    ? Jsonified<T[number]>[]
    : readonly Jsonified<T[number]>[]
  : { [At in keyof T]: Jsonified<T[At]> }

type Unjson =
  | bigint
  | symbol
  | ((...args: never[]) => unknown)
  | ReadonlyMap<unknown, unknown>
  | ReadonlySet<unknown>
  | Error
  | RegExp
  | ArrayBuffer
  | ArrayBufferView
  | Promise<unknown>

/**
 * A value as JSON text, of at most `maxBytes`.
 *
 * @throws PENKNIFE_INVALID for values that JSON would change: NaN, an infinity, a function, a Map, an Error, an undefined in a
 * list, … Undefined properties are left out. An object with `toJSON` is replaced by its result.
 */
export function toJson(what: string, value: unknown, maxBytes: number): string {
  // First, because it refuses cycles, in which a walk would never end.
  const text = attempt(what, value, () => JSON.stringify(value) as string | undefined)
  if (text === undefined) throw invalid(what, value, 'give a value that JSON can represent')
  if (text.length > maxBytes || (text.length * 3 > maxBytes && Buffer.byteLength(text) > maxBytes)) {
    throw invalid(what, value, `give a value of at most ${maxBytes} bytes as JSON`)
  }
  const fault = attempt(what, value, () => (isPlain(value) ? undefined : faultIn(value, what)))
  if (fault === undefined) return text
  throw invalid(
    what,
    value,
    `${fault}, which JSON cannot represent; give text, numbers, lists or plain objects`,
  )
}

/** Getters and `toJSON` of the application may throw, and a value may be nested too deeply. */
function attempt<T>(what: string, value: unknown, run: () => T): T {
  try {
    return run()
  } catch (cause) {
    throw invalid(what, value, `give a value that JSON can represent (${errorText(cause)})`)
  }
}

/** The quick check (0.1 µs): true when JSON certainly represents the value unchanged. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== 'object') {
    return typeof value === 'number'
      ? Number.isFinite(value)
      : typeof value === 'string' || typeof value === 'boolean'
  }
  if (value === null) return true
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) if (!isPlain(value[at])) return false
    return true
  }
  if (Object.getPrototypeOf(value) !== Object.prototype || 'toJSON' in value) return false
  for (const key in value) {
    const part = (value as Record<string, unknown>)[key]
    if (part !== undefined && !isPlain(part)) return false
  }
  return true
}

/** The first part of a value that JSON would change, such as 'payload.items[2] is NaN'. */
function faultIn(value: unknown, place: string): string | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : `${place} is ${value}`
  if (typeof value === 'function') return `${place} is a function`
  if (typeof value === 'symbol' || value === undefined) return `${place} is ${String(value)}`
  if (typeof value !== 'object' || value === null) return undefined
  if (hasToJson(value)) {
    const json: unknown = value.toJSON('')
    if (value instanceof Date && json === null) return `${place} is an invalid Date`
    return faultIn(json, place)
  }
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) {
      const fault = faultIn(value[at], `${place}[${at}]`)
      if (fault !== undefined) return fault
    }
    return undefined
  }
  const [, kind = 'Object'] = /^\[object (.+)\]$/.exec(Object.prototype.toString.call(value)) ?? []
  // JSON has the properties of a class instance, but not the content of built-in objects (Map, Error, Uint8Array, …).
  if (kind !== 'Object') return `${place} is ${/^[AEIO]/.test(kind) ? 'an' : 'a'} ${kind}`
  for (const key of Object.keys(value)) {
    const part = (value as Record<string, unknown>)[key]
    const fault = part === undefined ? undefined : faultIn(part, `${place}.${key}`)
    if (fault !== undefined) return fault
  }
  return undefined
}

function hasToJson(value: object): value is { toJSON(key: string): unknown } {
  return typeof (value as { toJSON?: unknown }).toJSON === 'function'
}

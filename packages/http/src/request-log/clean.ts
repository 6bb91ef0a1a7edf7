import { cut, printable } from '@penknife/core/internal'

import { isSecretName, redact, REDACTED } from './redact.ts'

/** Text of a client for an entry: at most `max` characters, without secrets, and harmless in a log and a terminal. */
export function clean(text: string, max: number): string {
  // Redacted before it is cut: a name must not be cut off its value. The bound is for the time that it takes.
  const redacted = redact(text.length > 2 * max ? cut(text, 2 * max) : text)
  return printable(redacted, max)
}

/** Remembers the result of a function of texts that come again and again, such as the user agents of browsers. */
export function remembered(of: (text: string) => string | undefined): (text: string) => string | undefined {
  const known = new Map<string, string | undefined>()
  return (text) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const made = of(text)
    if (text.length > LONGEST) return made
    if (known.size >= MOST) known.clear()
    known.set(text, made)
    return made
  }
}

const MOST = 500
const LONGEST = 512

const LONGEST_VALUE = 2048
const DEEPEST = 5
/** The most parts of the values of a request. They may refer to each other in circles. */
const MOST_PARTS = 1000

/**
 * A value of the application for an entry: its texts are cleaned, and members with the name of a secret are hidden. What JSON cannot
 * represent is left out, and what is nested too deeply is cut. Never throws.
 */
export function cleanValue(value: unknown): unknown {
  return attempt(value, 0, { left: MOST_PARTS })
}

function attempt(value: unknown, depth: number, parts: { left: number }): unknown {
  if (parts.left <= 0) return undefined
  parts.left -= 1
  try {
    return cleaned(value, depth, parts)
  } catch {
    // A getter or toJSON of the application.
    return undefined
  }
}

function cleaned(value: unknown, depth: number, parts: { left: number }): unknown {
  if (typeof value === 'string') return clean(value, LONGEST_VALUE)
  if (typeof value === 'number') return Number.isFinite(value) ? value : undefined
  if (typeof value === 'bigint') return clean(String(value), LONGEST_VALUE)
  if (typeof value === 'boolean' || value === null) return value
  if (typeof value !== 'object') return undefined
  if (depth > DEEPEST) return '[nested too deeply]'
  if (Array.isArray(value)) return value.map((item) => attempt(item, depth + 1, parts) ?? null)
  if (typeof (value as { toJSON?: unknown }).toJSON === 'function')
    return attempt((value as { toJSON(): unknown }).toJSON(), depth + 1, parts)
  const prototype: unknown = Object.getPrototypeOf(value)
  if (prototype !== Object.prototype && prototype !== null) return undefined
  const result: Record<string, unknown> = {}
  for (const name of Object.keys(value)) {
    if (name === '__proto__') continue
    result[printable(name, 128)] = isSecretName(name) ? REDACTED : attemptMember(value, name, depth, parts)
  }
  return result
}

function attemptMember(value: object, name: string, depth: number, parts: { left: number }): unknown {
  try {
    return attempt((value as Record<string, unknown>)[name], depth + 1, parts)
  } catch {
    return undefined
  }
}

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

/**
 * A value of the application for an entry: its texts are cleaned, and members with the name of a secret are hidden. Other values,
 * also those that JSON cannot represent, stay as they are.
 */
export function cleanValue(value: unknown, depth: number = 0): unknown {
  if (typeof value === 'string') return clean(value, LONGEST_VALUE)
  if (typeof value !== 'object' || value === null || depth >= DEEPEST) return value
  if (Array.isArray(value)) return value.map((item) => cleanValue(item, depth + 1))
  if (Object.getPrototypeOf(value) !== Object.prototype) return value
  const result: Record<string, unknown> = {}
  for (const [name, member] of Object.entries(value)) {
    if (name === '__proto__') continue
    result[printable(name, 128)] = isSecretName(name) ? REDACTED : cleanValue(member, depth + 1)
  }
  return result
}

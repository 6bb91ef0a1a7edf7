import { isPromiseLike } from './callbacks.ts'
import { invalid } from './errors.ts'
import { isWellFormed } from './text.ts'

/**
 * Refuses unknown options, and suggests the nearest known name. Refuses a promise of options, which has no names. Refuses `null`, since `undefined` means the default; `nullable`
 * has the options for which `null` has a meaning.
 */
export function checkOptions(
  where: string,
  input: object,
  known: readonly string[],
  nullable: readonly string[] = [],
): void {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) {
    throw invalid(`${where} options`, input, 'give an object')
  }
  if (isPromiseLike(input)) {
    throw invalid(`${where} options`, input, 'await it, and give the object that it resolves with')
  }
  for (const key of Object.keys(input)) {
    const value = (input as Record<string, unknown>)[key]
    if (known.includes(key)) {
      if (value !== null || nullable.includes(key)) continue
      throw invalid(key, value, `give a value, or leave it out for the default (in the ${where} options)`)
    }
    const near = nearest(key, known)
    const fix = near ? `did you mean '${near}'?` : `known options are ${known.join(', ')}`
    throw invalid(`${where} option '${key}'`, value, `no such option; ${fix}`)
  }
}

/**
 * Refuses undefined in what chooses what a call changes: a value that is missing by mistake would choose everything.
 *
 * @throws PENKNIFE_INVALID with the name of the value
 */
export function checkChosen(where: string, chosen: object): void {
  for (const [key, value] of Object.entries(chosen)) {
    if (value === undefined)
      throw invalid(`${where} ${key}`, value, `give a value, or leave ${key} out, which chooses all`)
  }
}

/** Checks a whole number within bounds. */
export function wholeNumber(name: string, value: number, min: number, max: number): number {
  if (!Number.isInteger(value) || value < min || value > max) {
    throw invalid(name, value, `give a whole number from ${min} to ${max}`)
  }
  return value
}

/** Checks a signal by the methods that are used, since it may belong to another realm. */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return
  const { throwIfAborted, addEventListener } = signal as Partial<AbortSignal>
  if (typeof throwIfAborted !== 'function' || typeof addEventListener !== 'function')
    throw invalid('signal', signal, 'give an AbortSignal')
}

const NAME = /^[\w.-]+$/

/** Checks a name that becomes part of a key. */
export function checkName(what: string, value: string, max = 64): string {
  if (!isName(value, max)) throw invalid(what, value, `give 1 to ${max} of the characters A-Z a-z 0-9 _ . -`)
  return value
}

/** Whether a name can be part of a key. */
export function isName(value: string, max: number): boolean {
  return typeof value === 'string' && value.length <= max && NAME.test(value)
}

/**
 * Checks text that becomes part of a key: not empty, bounded, well-formed, without braces and control characters. Half a surrogate
 * pair would become U+FFFD in UTF-8, so that two different texts would share a key.
 */
export function checkText(what: string, value: string, max: number): string {
  if (!isText(value, max)) {
    const fix =
      typeof value === 'string' && !isWellFormed(value)
        ? 'it contains half a surrogate pair (an emoji cut in two); cut text by code points'
        : `give 1 to ${max} characters without braces and control characters`
    throw invalid(what, value, fix)
  }
  return value
}

const UNSAFE = /[\u0000-\u001f\u007f{}]/

export function isText(value: string, max: number): boolean {
  return (
    typeof value === 'string' &&
    value.length > 0 &&
    value.length <= max &&
    !UNSAFE.test(value) &&
    isWellFormed(value)
  )
}

/** The known word that differs least, if it is near enough for a typing error. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const [best] = known
    .map((candidate) => ({ candidate, steps: distance(word.toLowerCase(), candidate.toLowerCase()) }))
    .toSorted((a, b) => a.steps - b.steps)
  return best && best.steps <= Math.max(2, Math.floor(word.length / 3)) ? best.candidate : undefined
}

/** The Levenshtein distance. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const swap = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(swap, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1))
    }
    row = next
  }
  return row[b.length] ?? 0
}

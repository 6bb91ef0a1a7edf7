import { errorText, printable } from './text.ts'
import { warn } from './warn.ts'

/** The most that is shown of thrown text, which a client may have sent. */
const LONGEST = 1000
const MOST_FRAMES = 20

/** Reports an error of an application's callback as a process warning. Never throws. */
export function reportFault(what: string, thrown: unknown): void {
  const text = printable(errorText(thrown), LONGEST)
  warn('PENKNIFE_CALLBACK', [`${what}: ${nameOf(thrown)}${text}`, ...framesOf(thrown)].join('\n'))
}

function nameOf(thrown: unknown): string {
  try {
    return thrown instanceof Error && typeof thrown.name === 'string'
      ? `${printable(thrown.name, 100)}: `
      : ''
  } catch {
    return ''
  }
}

/** The frames of its stack. */
function framesOf(thrown: unknown): string[] {
  try {
    const stack: unknown = thrown instanceof Error ? thrown.stack : undefined
    if (typeof stack !== 'string') return []
    const frames = stack
      .slice(0, 100_000)
      .split('\n')
      .filter((line) => line.startsWith('    at '))
    return frames.slice(0, MOST_FRAMES).map((line) => printable(line, LONGEST))
  } catch {
    return []
  }
}

/**
 * Runs a callback whose result is not needed. An error that it throws, or rejects with later, is reported as a process warning
 * and not rethrown.
 */
export function runSafely<Args extends readonly unknown[]>(
  what: string,
  run: (...args: Args) => unknown,
  ...args: Args
): void {
  try {
    const result = run(...args)
    if (isPromiseLike(result)) result.then(undefined, (error: unknown) => reportFault(what, error))
  } catch (error) {
    reportFault(what, error)
  }
}

/** Whether a callback's result is a promise. Never throws. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  try {
    return (
      typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
    )
  } catch {
    return false
  }
}

/** Prevents that the rejection of a refused promise ends the process. Never throws. */
export function disown(value: unknown): void {
  if (isPromiseLike(value)) Promise.resolve(value).catch(() => {})
}

import { errorText, printable } from './text.ts'

/** Of a thrown text, which may contain what a client sent. */
const LONGEST = 1000
const MOST_FRAMES = 20

/** Reports a fault of an application's callback as a process warning. Never throws. */
export function reportFault(what: string, thrown: unknown): void {
  const text = printable(errorText(thrown), LONGEST)
  process.emitWarning(
    [`${what}: ${nameOf(thrown)}${text}`, ...framesOf(thrown)].join('\n'),
    'PenknifeWarning',
  )
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

/** Where it was thrown: the lines of its stack that say so. */
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
 * Runs a callback whose result is not needed: what it throws, or rejects with later, is reported as a process
 * warning and goes no further.
 */
export function runSafely(what: string, run: () => unknown): void {
  try {
    const result = run()
    if (isPromiseLike(result)) result.then(undefined, (error: unknown) => reportFault(what, error))
  } catch (error) {
    reportFault(what, error)
  }
}

/** Whether a callback answered with a promise. Never throws. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  try {
    return (
      typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
    )
  } catch {
    return false
  }
}

/** Keeps a promise that is about to be refused from ending the process when it rejects. Never throws. */
export function disown(value: unknown): void {
  if (isPromiseLike(value)) Promise.resolve(value).catch(() => {})
}

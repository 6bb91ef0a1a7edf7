import { errorText } from './text.ts'

/** Reports a fault of an application's callback as a process warning. Never throws. */
export function reportFault(what: string, thrown: unknown): void {
  const stack = stackOf(thrown)
  process.emitWarning(
    stack === undefined ? `${what}: ${errorText(thrown)}` : `${what}: ${stack}`,
    'PenknifeWarning',
  )
}

function stackOf(thrown: unknown): string | undefined {
  try {
    return thrown instanceof Error && typeof thrown.stack === 'string' ? thrown.stack : undefined
  } catch {
    return undefined
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

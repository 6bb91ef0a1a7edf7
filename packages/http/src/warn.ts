import { errorText, printable, warn as emit, type WarningCode } from '@penknife/core/internal'

/** The most characters of a thrown text, which may contain text of a client. */
const LONGEST = 1000

/** Reports a fault, which must not fail a request, as a process warning. Never throws. */
export function warn(code: WarningCode, message: string, error?: unknown): void {
  const reason = error === undefined ? '' : `: ${printable(errorText(error), LONGEST)}`
  emit(code, `${message}${reason}`)
}

/**
 * The warnings that this process has already given. They are about mistakes of the application, so one for each process is
 * enough. Bounded, because names of limiters are part of the keys. Exported for tests, which share a process.
 */
export const given: Set<string> = new Set()
const MOST_GIVEN = 1000

/** As `warn`, but once in a process for each code and `about`. */
export function warnOnce(code: WarningCode, about: string, message: string): void {
  const key = `${code} ${about}`
  if (given.has(key) || given.size >= MOST_GIVEN) return
  given.add(key)
  warn(code, message)
}

export type Report = (error: unknown) => void

/** Makes a function that warns only of the first error, so that a flood of requests does not flood the log. */
export function reportOnce(code: WarningCode, message: string): Report {
  let reported = false
  return (error) => {
    if (reported) return
    reported = true
    warn(code, `${message} (reported once)`, error)
  }
}

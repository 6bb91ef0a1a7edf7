import { errorText, printable } from '@penknife/core/internal'

/** Of a thrown text, which may hold what a client sent. */
const LONGEST = 1000

/** Warns the operator of something that must not reach a request: a process warning with a code. Never throws. */
export function warn(code: string, message: string, error?: unknown): void {
  const reason = error === undefined ? '' : `: ${printable(errorText(error), LONGEST)}`
  process.emitWarning(`penknife: ${message}${reason}`, { code })
}

/**
 * The warnings that this process gave already. Process warnings belong to the process, and the mistakes behind these are the
 * application's: the second middleware that meets one has nothing to add. Bounded, because limiters' names are among them.
 */
const given = new Set<string>()
const MOST_GIVEN = 1000

/** As `warn`, once in a process for each code and `about`. */
export function warnOnce(code: string, about: string, message: string): void {
  const key = `${code} ${about}`
  if (given.has(key) || given.size >= MOST_GIVEN) return
  given.add(key)
  warn(code, message)
}

export type Report = (error: unknown) => void

/** Makes a function that warns of the first error that it is given: a flood of requests must not flood the log. */
export function reportOnce(code: string, message: string): Report {
  let reported = false
  return (error) => {
    if (reported) return
    reported = true
    warn(code, `${message} (reported once)`, error)
  }
}

import { type Duration, durationMs } from '../duration.ts'
import { invalid } from '../errors.ts'

/** Marks the error for `retryAfterOf`: `instanceof` is false for the class of another copy of penknife in the process. */
const BRAND = Symbol.for('penknife.retry-after')
const DEEPEST = 10
const LONGEST_MS = 366 * 86_400_000

/**
 * Throw it in a handler to say when the next attempt may start, such as after a 429 or 503 of another service. The attempt counts as
 * any failed one. It may also be the `cause` of the error that you throw.
 */
export class RetryAfterError extends Error {
  override readonly name: string = 'RetryAfterError'
  /** The wait before the next attempt. */
  readonly retryAfterMs: number

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
  }

  /**
   * @param after a duration, or the text of an HTTP header `Retry-After`: seconds, or a date, which this process's clock is compared
   * with. At most 366 days; longer waits are shortened.
   * @throws PENKNIFE_INVALID for another value, and for null, the value of a header that is missing.
   */
  constructor(message: string, after: Duration | (string & {}), options?: ErrorOptions) {
    super(message, options)
    this.retryAfterMs = waitOf(after)
  }
}

function waitOf(after: string | number): number {
  if (typeof after === 'string') {
    const text = after.trim()
    if (/^\d+$/.test(text)) return Math.min(Number(text) * 1000, LONGEST_MS)
    // The three forms of a date in HTTP begin with the name of a day.
    const date = /^[A-Z][a-z]{2}/.test(text) ? Date.parse(text) : Number.NaN
    if (!Number.isNaN(date)) return Math.min(Math.max(0, date - Date.now()), LONGEST_MS)
  }
  if (after === null || after === undefined) {
    throw invalid('after', after, "give a duration such as '30s', or the text of a Retry-After header")
  }
  return Math.round(durationMs('after', after as Duration, { min: 0 }))
}

/** The wait that a thrown RetryAfterError, or the nearest one among its causes, asks for. Never throws. */
export function retryAfterOf(thrown: unknown): number | undefined {
  try {
    let error = thrown
    for (let depth = 0; depth <= DEEPEST && typeof error === 'object' && error !== null; depth++) {
      const ms = (error as Partial<RetryAfterError>).retryAfterMs
      if (
        (error as Record<symbol, unknown>)[BRAND] === true &&
        Number.isSafeInteger(ms) &&
        (ms as number) >= 0
      ) {
        return Math.min(ms as number, LONGEST_MS)
      }
      error = (error as Error).cause
    }
    return undefined
  } catch {
    return undefined
  }
}

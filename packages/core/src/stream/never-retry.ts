/** Tells the error of another copy of penknife in the process, of which `instanceof` says no. */
const BRAND = Symbol.for('penknife.never-retry')

/** Causes that are looked at behind an error: they may form a ring. */
const DEEPEST = 10

/**
 * A handler throws it when another attempt cannot help: the entry goes to the dead letters at once. It may also be the
 * `cause` of what is thrown.
 */
export class NeverRetryError extends Error {
  override readonly name: string = 'NeverRetryError'

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
  }
}

/** Whether a handler said that another attempt cannot help. Never throws, whatever was thrown. */
export function isNeverRetry(thrown: unknown): boolean {
  try {
    let error = thrown
    for (let depth = 0; depth <= DEEPEST && typeof error === 'object' && error !== null; depth++) {
      if ((error as Record<symbol, unknown>)[BRAND] === true) return true
      error = (error as Error).cause
    }
    return false
  } catch {
    return false
  }
}

/** Marks the error for `isNeverRetry`: `instanceof` is false for the class of another copy of penknife in the process. */
const BRAND = Symbol.for('penknife.never-retry')

/** Longest chain of causes that is followed; a chain may be circular. */
const DEEPEST = 10

/**
 * Throw it in a handler when another attempt cannot help: the entry goes to the dead letters at once. It may also be the `cause` of
 * the error that you throw.
 */
export class NeverRetryError extends Error {
  override readonly name: string = 'NeverRetryError'

  static {
    Object.defineProperty(this.prototype, BRAND, { value: true })
  }
}

/** Whether a thrown value is a NeverRetryError or has one as a cause. Never throws. */
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

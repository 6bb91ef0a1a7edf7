/** A handler throws it when another attempt cannot help: the entry goes to the dead letters at once. */
export class NeverRetryError extends Error {
  override readonly name: string = 'NeverRetryError'
}

/** Whether a handler said that another attempt cannot help. Never throws, whatever was thrown. */
export function isNeverRetry(thrown: unknown): boolean {
  try {
    return thrown instanceof NeverRetryError
  } catch {
    return false
  }
}
